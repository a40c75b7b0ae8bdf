//! Context for a contact centre: User-to-User as a route and a trunk build it.

use trunkline::route::policy::{ContextBuilder, Form, Incoming};

use super::*;

fn with(line: &str) -> String {
    format!("{SOUTH}\n{line} #!")
}

/// Calls from teams with these pairs, to trunks without a builder but for what `south` says.
fn routed(south: &str, route: &str) -> String {
    let trunk = changed(SOUTH, &format!("{SOUTH}\n{south}"));
    trunk.replacen("to = [\"pstn\"]", &format!("to = [\"pstn\"]\n{route} #!"), 1)
}

fn built(text: &str) -> ContextBuilder {
    let loaded = accepted(text);
    let trunk = loaded.snapshot.trunk_named("south").expect("the trunk").clone();
    trunk.presentation.headers.context.clone().expect("a builder")
}

fn names(builder: &ContextBuilder) -> Vec<&str> {
    builder.pairs.iter().map(|pair| pair.name.as_str()).collect()
}

#[test]
fn pairs_keep_the_order_of_the_file() {
    let line =
        "context = { values = { zulu = \"1\", alpha = \"${calling}\", mike = \"${header:X-M}\" }, max_octets = 200 }";
    let builder = built(&changed(SOUTH, &with(line)));
    assert_eq!(names(&builder), ["zulu", "alpha", "mike"]);
    assert_eq!((builder.incoming, builder.max_octets), (Incoming::Merge, 200));
    assert_eq!(builder.form, Form::Hex { purpose: None, content: None });
    let long = "[trunks.south.context]\nincoming = \"keep\"\nform = \"plain\"\n[trunks.south.context.values]\nb = \"2\"\na = \"1\"";
    let builder = built(&changed(SOUTH, &with(long)));
    assert_eq!((names(&builder), builder.incoming, &builder.form), (vec!["b", "a"], Incoming::Keep, &Form::Plain));
}

#[test]
fn a_route_alone_may_say_the_pairs() {
    let loaded = accepted(&routed("context = {}", "context = { queue = \"vip\" }"));
    assert!(loaded.snapshot.trunk_named("south").is_some_and(|trunk| trunk.presentation.headers.context.is_some()));
}

/// Half of the value is the text's (MD-223): with `;encoding=hex` 121 octets of hex text, 128 plain.
#[test]
fn fixed_text_fits_to_the_last_octet() {
    for (form, fits) in [("hex", 121), ("plain", 128)] {
        let context = |octets: usize| {
            let value = "x".repeat(octets - 2);
            with(&format!("context = {{ values = {{ a = \"{value}\" }}, form = \"{form}\" }}"))
        };
        accepted(&changed(SOUTH, &context(fits)));
        assert_error(&changed(SOUTH, &context(fits + 1)), "trunks.south.context", &format!("and {fits} fit"));
    }
}

#[test]
fn a_route_that_makes_it_too_long_is_refused() {
    let south = format!("context = {{ values = {{ a = \"{}\" }} }}", "x".repeat(100));
    accepted(&routed(&south, "context = { b = \"1234567890123456\" }"));
    let text = routed(&south, "context = { b = \"12345678901234567\" }");
    assert_error(&text, "routes[1].context", "together with context of trunk \"south\" it has 122 octets");
    let replaced = format!("context = {{ a = \"{}\" }}", "y".repeat(119));
    accepted(&routed(&south, &replaced));
}

#[test]
fn a_route_whose_trunks_write_none_is_refused() {
    assert_error(&routed("", "context = { b = \"1\" }"), "routes[1].context", "write context = {} at the trunk");
}

refused! {
    a_name_with_an_equals_sign: SOUTH => &with("context = { values = { \"a=b\" = \"1\" } }"),
        "trunks.south.context.values.\"a=b\"", "is no name: 1 to 64 printable characters";
    a_name_with_a_semicolon: SOUTH => &with("context = { values = { \"a;b\" = \"1\" } }"),
        "trunks.south.context.values.\"a;b\"", "without space, ; and =";
    a_value_with_a_semicolon: SOUTH => &with("context = { values = { a = \"1;b=2\" } }"),
        "trunks.south.context.values.a", "holds a semicolon";
    a_value_outside_ascii: SOUTH => &with("context = { values = { a = \"gr\u{fc}n\" } }"),
        "trunks.south.context.values.a", "outside printable ASCII";
    a_value_of_an_unknown_source: SOUTH => &with("context = { values = { a = \"${crm}\" } }"),
        "trunks.south.context.values.a", "header:NAME, context:NAME";
    a_value_from_credentials: SOUTH => &with("context = { values = { a = \"${header:Authorization}\" } }"),
        "trunks.south.context.values.a", "holds credentials and is never copied";
    an_empty_value: SOUTH => &with("context = { values = { a = \"\" } }"),
        "trunks.south.context.values.a", "is empty";
    a_space_in_the_plain_form: SOUTH => &with("context = { values = { a = \"b c\" }, form = \"plain\" }"),
        "trunks.south.context", "has \"a\", which does not fit the plain form";
    a_purpose_in_the_plain_form: SOUTH => &with("context = { form = \"plain\", purpose = \"x\" }"),
        "trunks.south.context.purpose", "would read as a pair";
    a_purpose_that_is_no_token: SOUTH => &with("context = { purpose = \"a b\" }"),
        "trunks.south.context.purpose", "write purpose = \"isdn-uui\"";
    a_policy_that_is_none: SOUTH => &with("context = { incoming = \"both\" }"),
        "trunks.south.context.incoming", "merge, keep, replace";
    a_limit_beyond_reason: SOUTH => &with("context = { max_octets = 2000 }"),
        "trunks.south.context.max_octets", "is not between 32 and 1024";
    a_key_that_is_none: SOUTH => &with("context = { vaules = { a = \"1\" } }"),
        "trunks.south.context.vaules", "did you mean \"values\"?";
}
