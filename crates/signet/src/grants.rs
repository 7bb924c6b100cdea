use clap::Args;

use crate::failure::Failure;
use crate::show;

#[derive(Args)]
pub(crate) struct Grants {
    /// The account that probes log in with
    #[arg(long, value_name = "USER", default_value = "signet_probe")]
    probe_user: String,
    /// Print the account of the `sql` driver, too
    #[arg(long)]
    sql: bool,
    /// The account of the `sql` driver
    #[arg(long, value_name = "USER", default_value = "signet", requires = "sql")]
    sql_user: String,
    /// The host that Signet connects from, as the server sees it
    #[arg(long, value_name = "HOST", default_value = "%")]
    from: String,
}

/// `signet instance grants`: statements for a DBA to read and run. Passwords are left for him to fill in.
pub(crate) fn run(args: &Grants) -> Result<(), Failure> {
    show::out(statements(args).trim_end())
}

fn statements(args: &Grants) -> String {
    let probe = account(&args.probe_user, &args.from);
    let mut text = format!(
        "-- MySQL and MariaDB: the account that probes log in with. It may do nothing but log in. With it, probes\n\
         -- leave no trace in the server's log and never count towards max_connect_errors.\n\
         CREATE USER {probe} IDENTIFIED BY '<a long random password>';\n\
         GRANT USAGE ON *.* TO {probe};\n"
    );
    if args.sql {
        text.push_str(&format!(
            "\n-- MySQL: the account of the `sql` driver, which switches TLS without access to the host. These are the least\n\
             -- privileges that do. The server makes up the password and shows it once.\n{}\n",
            dbtls::switch::grants(&args.sql_user, &args.from)
        ));
    }
    text
}

/// `'user'@'host'`, quoted so that nothing in it can end the quotes.
fn account(user: &str, host: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    format!("{}@{}", quoted(user), quoted(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        assert_eq!(account("o'hara\\", "%"), r"'o''hara\\'@'%'");
    }
}
