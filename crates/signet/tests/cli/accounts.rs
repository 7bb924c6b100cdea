use crate::support::{Place, fakes};

#[test]
fn who_changes_nodes_is_told_which_accounts_went_and_how_to_keep_them() {
    let (mut place, _serving) = Place::with_service();
    let (_fleet, targets) = fakes(&mut place, 2);
    let [a, b, c, d] = targets.as_slice() else {
        panic!("four were asked for")
    };
    place.write("password", "the-password");
    let add = format!(
        "instance add --name orders --id cdb-orders01 --architecture two-node --node {a} {b} --probe-user probe --probe-password-file password --sql-user signet --sql-password-file password"
    );
    place.run(&add).prints("Registered cdb-orders01 (orders).");
    let modify = format!("instance modify cdb-orders01 --node {c} {d}");
    place.run(&format!("{modify} --sql-user signet --sql-password-file password")).prints(
        "Changed cdb-orders01.\n\
         The probe account `probe` was removed with its password, which was given for the nodes and CA certificates before. To keep it, pass --probe-user and --probe-password-file in the same command.",
    );
    place
        .run("instance modify cdb-orders01 --driver sql")
        .prints("Changed cdb-orders01.");
    let back = format!("instance modify cdb-orders01 --node {a} {b}");
    place.run(&back).fails(
        1,
        "InvalidParameter: The nodes or the CA certificates change, and the stored password of `signet` was given for those before. The driver `sql` needs it: specify `SqlUser` and `SqlPassword` in this call, too.\nRequestId: REQUEST",
    );
}

#[test]
fn a_fleet_file_takes_its_accounts_along_and_says_which_it_does_not_name() {
    let (mut place, _serving) = Place::with_service();
    let (_fleet, targets) = fakes(&mut place, 2);
    let [a, b, c, d] = targets.as_slice() else {
        panic!("four were asked for")
    };
    place.write("password", "the-password");
    let entry = |first: &str, second: &str, accounts: &str| {
        format!(
            "[[instance]]\nname = 'orders'\nid = 'cdb-orders01'\narchitecture = 'two-node'\nnodes = ['{first}', '{second}']\n{accounts}\n"
        )
    };
    let accounts = "probe_user = 'probe'\nprobe_password_file = 'password'";
    place.write("fleet.toml", &entry(a, b, accounts));
    place.run("apply -f fleet.toml").ends_with(0);
    place.write("fleet.toml", &entry(c, d, accounts));
    let along = place.run("apply -f fleet.toml").ends_with(0);
    assert_eq!(along.err, "");
    assert!(
        along.out.contains("accounts → as in the file"),
        "{}",
        along.out
    );

    place.write("fleet.toml", &entry(a, b, ""));
    let dropped = place.run("apply -f fleet.toml").ends_with(0);
    assert_eq!(
        dropped.err.trim_end(),
        "warning: instance orders (cdb-orders01):\n\
         The probe account `probe` was removed with its password, which was given for the nodes and CA certificates before. To keep it, give probe_user and probe_password_file in the file, and run: signet apply --accounts"
    );
}
