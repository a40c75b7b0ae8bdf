//! Whole URIs as peers and attackers write them: what a trunk reads from each (RFC 3261 19.1, RFC 3966).

use bytes::Bytes;
use trunkline::route::number::{Field, FieldForms, IncomingForm, NumberPlan, Party, country};
use trunkline::sip::Uri;

/// A trunk of this country that writes this form.
fn plan(iso: &str, form: IncomingForm) -> NumberPlan {
    NumberPlan { country: country(iso), incoming: FieldForms::all(form), ..NumberPlan::default() }
}

fn told(plan: &NumberPlan, text: &str) -> String {
    let Ok(uri) = Uri::parse(&Bytes::copy_from_slice(text.as_bytes())) else { return "no URI".to_owned() };
    match plan.read(Field::Called, &uri) {
        Ok(Party::Number { number, extension: None }) => number.to_string(),
        Ok(Party::Number { number, extension: Some(extension) }) => format!("{number} ext {extension}"),
        Ok(Party::Short(code)) => format!("short {code}"),
        Ok(Party::Name(name)) => format!("name {name}"),
        Ok(Party::Anonymous) => "anonymous".to_owned(),
        Err(unreadable) => format!("the number {unreadable}"),
    }
}

#[track_caller]
fn table(plan: &NumberPlan, rows: &[(&str, &str)]) {
    let wrong = |(uri, expected): &&(&str, &str)| told(plan, uri) != *expected;
    let differ: Vec<String> = rows
        .iter()
        .filter(wrong)
        .map(|(uri, expected)| format!("{uri}\n  {expected}\n  {}", told(plan, uri)))
        .collect();
    assert!(differ.is_empty(), "URI, expected, read:\n{}", differ.join("\n"));
}

#[test]
fn a_tel_uri_is_its_number_whatever_separates_its_digits() {
    let rows = [
        ("tel:+49-30-123456", "+4930123456"),
        ("tel:+49(30)123.456", "+4930123456"),
        ("TEL:+4930123456", "+4930123456"),
        ("tel:+4930123456;ext=42", "+4930123456 ext 42"),
        ("tel:+4930123456;EXT=4-2", "+4930123456 ext 42"),
        ("tel:+4930123456;isub=1411", "+4930123456"),
        ("tel:+4930123456;isub=1411;ext=7", "+4930123456 ext 7"),
        ("tel:+4930123456;tgrp=a;trunk-context=example.com", "+4930123456"),
        ("tel:+4930123456;npdi;rn=+49199", "+4930123456"),
        ("tel:112;phone-context=+49", "short 112"),
        ("tel:112;phone-context=example.com", "short 112"),
        ("tel:030123456;phone-context=example.com", "+4930123456"),
    ];
    table(&plan("DE", IncomingForm::National), &rows);
}

#[test]
fn a_context_that_is_a_number_stands_before_the_digits() {
    let rows = [
        ("tel:123456;phone-context=+4930", "+4930123456"),
        ("tel:123456;phone-context=+49-30", "+4930123456"),
        ("tel:123456;PHONE-CONTEXT=+49(30)", "+4930123456"),
        ("tel:030123456;phone-context=+49", "+4930123456"),
        ("tel:0612345678;phone-context=+39", "+390612345678"),
        ("sip:123456;phone-context=+4930@x", "+4930123456"),
        ("sip:123456;phone-context=+4930@x;user=phone", "+4930123456"),
        ("tel:123456;phone-context=+0", "the number has a zero after the plus; no country code begins with 0"),
        ("tel:123456789012;phone-context=+4930", "the number has more than 15 digits"),
    ];
    table(&plan("DE", IncomingForm::E164), &rows);
}

#[test]
fn user_parts_of_sip_uris_are_read_with_their_escapes() {
    let rows = [
        ("sip:+4930123456@x;user=phone", "+4930123456"),
        ("sip:%2B4930123456@x", "+4930123456"),
        ("sip:%2b49%330123456@x", "+4930123456"),
        ("sip:+4930123456;ext=42@x;user=phone", "+4930123456 ext 42"),
        ("sip:+4930123456%3Bext%3D42@x", "+4930123456 ext 42"),
        ("sip:+4930123456;ext=1;ext=2@x", "+4930123456 ext 1"),
        ("sip:+4930123456;verstat=TN-Validation-Passed@x", "+4930123456"),
        ("sip:+4930123456:secret@x", "+4930123456"),
        ("sips:+4930123456@x", "+4930123456"),
        ("sip:x", "anonymous"),
        ("sip:anonymous@anonymous.invalid", "anonymous"),
        ("sip:ANONYMOUS@192.0.2.1", "anonymous"),
        ("sip:Restricted@x", "anonymous"),
        ("sip:unavailable@unknown.invalid", "anonymous"),
        ("sip:*69@x", "short *69"),
        ("sip:%2369@x", "short #69"),
        ("sip:alice@x", "name alice"),
    ];
    table(&plan("DE", IncomingForm::E164), &rows);
}

/// None of these may become a number, and nothing of them breaks a message.
#[test]
fn what_only_looks_like_a_number_is_none() {
    let digits40 = format!("sip:{}@x", "4".repeat(40));
    let plus40 = format!("sip:+{}@x", "4".repeat(40));
    let zeros40 = format!("sip:{}@x", "0".repeat(40));
    let rows = [
        ("sip:+0@x", "the number has a zero after the plus; no country code begins with 0"),
        ("sip:+0301234@x", "the number has a zero after the plus; no country code begins with 0"),
        ("sip:+@x", "name +"),
        ("sip:++4930123456@x", "name ++4930123456"),
        ("sip:+49+30123456@x", "name +49+30123456"),
        (digits40.as_str(), "the number is not in the form this trunk writes"),
        (plus40.as_str(), "the number has more than 15 digits"),
        (zeros40.as_str(), "the number has a zero after the plus; no country code begins with 0"),
        // Full-width, Arabic-Indic and Devanagari digits.
        ("sip:+%EF%BC%94%EF%BC%990123456@x", "the number is no text of ASCII"),
        ("sip:+49%D9%A3%D9%A0123456@x", "the number is no text of ASCII"),
        ("sip:+49%E0%A5%A630@x", "the number is no text of ASCII"),
        ("sip:+4930123456%00@x", "the number is no text of ASCII"),
        ("sip:+4930%0D%0AVia:x@x", "the number is no text of ASCII"),
        ("sip:+49301%FF@x", "the number is no text of ASCII"),
        ("urn:service:sos", "the number is no text of ASCII"),
        ("sip:4.93E+11@x", "name 4.93E+11"),
        ("sip:0x4930@x", "name 0x4930"),
        ("sip:1e9@x", "name 1e9"),
    ];
    table(&plan("DE", IncomingForm::E164), &rows);
}

#[test]
fn a_mexican_one_and_an_argentine_nine_are_read_away_and_written_where_they_belong() {
    let mexico = [
        ("sip:+5215512345678@x", "+525512345678"),
        ("sip:+525512345678@x", "+525512345678"),
        ("sip:5512345678@x", "+525512345678"),
        ("sip:015512345678@x", "+525512345678"),
        ("sip:0445512345678@x", "+525512345678"),
        ("sip:0455512345678@x", "+525512345678"),
        ("sip:00493012345@x", "+493012345"),
        ("sip:911@x", "short 911"),
    ];
    table(&plan("MX", IncomingForm::National), &mexico);
    let argentina = [
        ("sip:+541143211234@x", "+541143211234"),
        ("sip:+5491143211234@x", "+5491143211234"),
        ("sip:01143211234@x", "+541143211234"),
        ("sip:0111543211234@x", "+5491143211234"),
        ("sip:0351154321234@x", "+5493514321234"),
        ("sip:02966154312345@x", "the number is not in the form this trunk writes"),
        ("sip:0296615431234@x", "+5492966431234"),
        ("sip:005511987654321@x", "+5511987654321"),
    ];
    table(&plan("AR", IncomingForm::National), &argentina);
    let abroad = [("sip:+5215512345678@x", "+525512345678"), ("sip:00541143211234@x", "+541143211234")];
    table(&plan("DE", IncomingForm::E164), &abroad);
}
