//! The privileges that a change takes: told to the operator, and looked for by the check.

/// A privilege, on what, and what for.
pub(super) struct Need {
    pub(super) privilege: &'static str,
    /// As `GRANT` writes it.
    pub(super) on: &'static str,
    pub(super) why: &'static str,
    /// It is needed only to bring a key by SQL.
    pub(super) for_key: bool,
}

/// Every privilege there is a need for: the least that was seen to be enough, on MySQL 9.7.
pub(super) const NEEDS: &[Need] = &[
    need("FILE", "*.*", "to write the certificate's files", true),
    need(
        "SYSTEM_VARIABLES_ADMIN",
        "*.*",
        "to set `ssl_*` and `tls_version`",
        false,
    ),
    need(
        "PERSIST_RO_VARIABLES_ADMIN",
        "*.*",
        "to undo what was persisted",
        false,
    ),
    need("CONNECTION_ADMIN", "*.*", "to reload certificates", false),
    need(
        "SELECT",
        "performance_schema.threads",
        "to find logins that hold a reload up",
        false,
    ),
    need(
        "UPDATE",
        "performance_schema.threads",
        "to keep the key out of the statement history",
        true,
    ),
    need(
        "SELECT",
        "performance_schema.tls_channel_status",
        "to see whether TLS is on",
        false,
    ),
    need(
        "SELECT",
        "mysql.component",
        "to see whether an audit component reads the key",
        true,
    ),
];

const fn need(privilege: &'static str, on: &'static str, why: &'static str, for_key: bool) -> Need {
    Need {
        privilege,
        on,
        why,
        for_key,
    }
}

/// The statements that make the account for the `sql` driver, with a password that the server makes up and shows once.
pub fn grants(user: &str, host: &str) -> String {
    let account = account(user, host);
    let mut statements = vec![format!(
        "CREATE USER {account} IDENTIFIED BY RANDOM PASSWORD;"
    )];
    let mut objects: Vec<&str> = NEEDS.iter().map(|need| need.on).collect();
    objects.dedup();
    statements.extend(objects.into_iter().map(|on| {
        let privileges = NEEDS.iter().filter(|need| need.on == on);
        let privileges: Vec<_> = privileges.map(|need| need.privilege).collect();
        format!("GRANT {} ON {on} TO {account};", privileges.join(", "))
    }));
    statements.join("\n")
}

/// `'user'@'host'`, for people whose sessions give the backslash its usual meaning.
pub(super) fn account(user: &str, host: &str) -> String {
    let literal = |text: &str| format!("'{}'", text.replace('\\', r"\\").replace('\'', "''"));
    format!("{}@{}", literal(user), literal(host))
}

impl Need {
    /// Whether one of the lines of `SHOW GRANTS` gives it, roles that are active included, and none takes it away (`partial_revokes`).
    pub(super) fn is_met_by(&self, lines: &[String]) -> bool {
        let says = |verb: &str| {
            lines
                .iter()
                .filter_map(|line| line.strip_prefix(verb))
                .any(|rest| self.is_named_in(rest))
        };
        says("GRANT ") && !says("REVOKE ")
    }

    /// Reads `SELECT, UPDATE ON `schema`.`table` TO …`.
    fn is_named_in(&self, rest: &str) -> bool {
        let Some((privileges, rest)) = rest.split_once(" ON ") else {
            return false;
        };
        let object = rest.split(' ').next().unwrap_or_default();
        let object = object.replace(['`', '"', '\\'], "");
        let schema = self.on.split('.').next().unwrap_or_default();
        let covers = object == "*.*" || object == self.on || object == format!("{schema}.*");
        covers
            && privileges.split(',').map(str::trim).any(|held| {
                held == self.privilege || held == "ALL PRIVILEGES" || self.is_part_of(held)
            })
    }

    /// What `SUPER` could do before it was split up.
    fn is_part_of(&self, held: &str) -> bool {
        held == "SUPER"
            && matches!(
                self.privilege,
                "SYSTEM_VARIABLES_ADMIN" | "CONNECTION_ADMIN"
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(lines: &[&str]) -> Vec<String> {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        let missing = NEEDS.iter().filter(|need| !need.is_met_by(&lines));
        missing
            .map(|need| format!("{} {}", need.privilege, need.on))
            .collect()
    }

    #[test]
    fn the_statements_for_an_operator() {
        assert_eq!(
            grants("signet", "10.0.0.5"),
            "CREATE USER 'signet'@'10.0.0.5' IDENTIFIED BY RANDOM PASSWORD;\n\
             GRANT FILE, SYSTEM_VARIABLES_ADMIN, PERSIST_RO_VARIABLES_ADMIN, CONNECTION_ADMIN ON *.* TO 'signet'@'10.0.0.5';\n\
             GRANT SELECT, UPDATE ON performance_schema.threads TO 'signet'@'10.0.0.5';\n\
             GRANT SELECT ON performance_schema.tls_channel_status TO 'signet'@'10.0.0.5';\n\
             GRANT SELECT ON mysql.component TO 'signet'@'10.0.0.5';"
        );
        assert_eq!(account(r"o'x\y", "%"), r"'o''x\\y'@'%'");
    }

    #[test]
    fn what_show_grants_says_is_read_as_the_server_means_it() {
        let global = "GRANT FILE ON *.* TO `s`@`%`";
        let dynamic = "GRANT CONNECTION_ADMIN,PERSIST_RO_VARIABLES_ADMIN,SYSTEM_VARIABLES_ADMIN ON *.* TO `s`@`%` WITH GRANT OPTION";
        let tables = [
            "GRANT SELECT, UPDATE ON `performance_schema`.`threads` TO `s`@`%`",
            "GRANT SELECT ON `performance_schema`.`tls_channel_status` TO `s`@`%`",
            "GRANT SELECT ON `mysql`.`component` TO `s`@`%`",
        ];
        let all = [&[global, dynamic][..], &tables].concat();
        assert_eq!(missing(&all), [""; 0]);
        assert_eq!(
            missing(&[global, dynamic, "GRANT SELECT, UPDATE ON *.* TO `s`@`%`"]),
            [""; 0]
        );
        assert_eq!(
            missing(&[
                global,
                dynamic,
                r"GRANT SELECT, UPDATE ON `performance\_schema`.* TO `s`@`%`"
            ]),
            ["SELECT mysql.component"]
        );
        assert_eq!(
            missing(&["GRANT ALL PRIVILEGES ON *.* TO `s`@`%`"]),
            [""; 0]
        );
        assert_eq!(
            missing(&["GRANT SELECT, UPDATE, FILE, SUPER ON *.* TO `s`@`%`"]),
            ["PERSIST_RO_VARIABLES_ADMIN *.*"]
        );
        let revoked = [&all[..], &["REVOKE SELECT ON `mysql`.* FROM `s`@`%`"]].concat();
        assert_eq!(missing(&revoked), ["SELECT mysql.component"]);
    }

    #[test]
    fn what_is_something_else_does_not_count() {
        for line in [
            "GRANT USAGE ON *.* TO `s`@`%`",
            "GRANT `FILE`@`%` TO `s`@`%`",
            "GRANT SELECT (`a`, `UPDATE`) ON `performance_schema`.`threads` TO `s`@`%`",
            "GRANT SELECT ON `performance_schema_x`.* TO `s`@`%`",
            "GRANT PROXY ON ``@`` TO `s`@`%` WITH GRANT OPTION",
            "",
        ] {
            assert_eq!(missing(&[line]).len(), NEEDS.len(), "{line}");
        }
    }
}
