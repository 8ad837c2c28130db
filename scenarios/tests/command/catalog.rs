//! `plimsoll catalog`.

use super::home::Home;

#[test]
fn list_filters_and_sorts_by_price() {
    let home = Home::new();
    let arguments =
        ["catalog", "list", "--region", "eu-west-1", "--family", "m7g", "--max-vcpu", "4"];
    let said = home.run(&arguments, 0);
    insta::assert_snapshot!(said.stdout, @r"
    type        arch   vCPU  GiB  GPUs  awsvpc tasks  trunked  USD/hour  USD/vCPU-hour  price
    m7g.medium  arm64     1    4                   1        4    0.0455         0.0455  2025-03-02
    m7g.large   arm64     2    8                   2       10     0.091         0.0455  2025-03-02
    m7g.xlarge  arm64     4   16                   3       20    0.1819         0.0455  2025-03-02

    3 types; On-Demand, Linux, eu-west-1; the date is that of the price's source
    ");
}

#[test]
fn every_filter_filters() {
    let home = Home::new();
    let count = |filter: &[&str]| {
        let arguments = [&["catalog", "list", "--format", "csv"], filter].concat();
        home.run(&arguments, 0).stdout.lines().count() - 1
    };
    let all = count(&[]);
    assert_eq!(all, count(&["--arch", "arm64"]) + count(&["--arch", "x86_64"]));
    for filter in [
        &["--arch", "arm64"][..],
        &["--min-vcpu", "8"],
        &["--max-vcpu", "8"],
        &["--min-memory", "64"],
        &["--gpu"],
        &["--family", "c5", "--family", "m5"],
    ] {
        let some = count(filter);
        assert!(0 < some && some < all, "{filter:?}: {some} of {all}");
    }
}

#[test]
fn json_keeps_prices_as_decimals() {
    let home = Home::new();
    let said = home.run(&["catalog", "show", "m5.large", "--format", "json"], 0);
    let shown: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(shown["prices"]["eu-west-1"]["usdPerHour"], "0.107");
    assert_eq!(shown["vcpu"], 2);
    let said = home.run(&["catalog", "list", "--family", "m5", "--format", "json"], 0);
    let listed: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(listed["instanceTypes"][0]["instanceType"], "m5.large");
}

#[test]
fn unknown_names_are_exit_code_2_with_a_suggestion() {
    let home = Home::new();
    for (arguments, hint) in [
        (&["catalog", "show", "m5.larg"][..], "`m5.large`"),
        (&["catalog", "list", "--family", "m7gg"], "`m7g`"),
        (&["catalog", "list", "--region", "eu-west-9"], "`eu-west-1`"),
    ] {
        let said = home.run(arguments, 2);
        assert_eq!(said.stdout, "");
        assert!(said.stderr.contains(hint), "{}", said.stderr);
    }
}
