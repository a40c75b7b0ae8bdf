//! `context` of a trunk, a profile or a route: the builder of User-to-User (PF-124).

use super::document::Document;
use super::grammar;
use super::read::{Field, Table};
use crate::route::policy::{ContextBuilder, Form, Incoming, Pair, PairName, Template, pairs};
use crate::route::settings::RoutingSettings;

const EXAMPLE: &str = "{ values = { orderid = \"${header:X-Order}\" } }";

/// The builder of a trunk; what is not written stays as in `base`. `None`: there is none.
pub(super) fn builder(parent: &Table<'_>, base: Option<&ContextBuilder>) -> Option<ContextBuilder> {
    const INCOMING: [(&str, Incoming); 3] =
        [("merge", Incoming::Merge), ("keep", Incoming::Keep), ("replace", Incoming::Replace)];
    if !parent.has("context") {
        return base.cloned();
    }
    let base = base.cloned().unwrap_or_default();
    let table = parent.table("context", EXAMPLE);
    let values = table.field("values", "{ orderid = \"${header:X-Order}\" }");
    let incoming = table.field("incoming", "\"merge\"").and_then(|field| field.choice(&INCOMING));
    let builder = ContextBuilder {
        pairs: values.and_then(|field| self::values(&field)).unwrap_or(base.pairs),
        incoming: incoming.unwrap_or(base.incoming),
        form: form(&table, base.form),
        max_octets: table.whole("max_octets", "256", 32..=1024).unwrap_or(base.max_octets),
    };
    table.close();
    if let Err(fault) = builder.check(&[]) {
        parent.doc().error(&parent.path_of("context"), fault.to_string());
    }
    Some(builder)
}

/// RFC 7433 4.1: purpose and content belong to the hex form; in the plain one they would read as pairs.
fn form(table: &Table<'_>, base: Form) -> Form {
    let is_hex = table.field("form", "\"hex\"").and_then(|field| field.choice(&[("hex", true), ("plain", false)]));
    let [purpose, content] = ["purpose", "content"].map(|key| table.field(key, "\"isdn-uui\""));
    let is_plain = is_hex.map_or(base == Form::Plain, |is_hex| !is_hex);
    if is_plain {
        let lost = "would read as a pair in the plain form; leave it out, or write form = \"hex\"";
        [purpose, content].iter().flatten().for_each(|field| field.refuse_key(lost));
        return Form::Plain;
    }
    let known = match base {
        Form::Hex { purpose, content } => [purpose, content],
        Form::Plain => [None, None],
    };
    let [base_purpose, base_content] = known;
    let token = |field: Option<Field<'_>>| field.and_then(|field| field.parsed(grammar::token)).map(Box::from);
    Form::Hex { purpose: token(purpose).or(base_purpose), content: token(content).or(base_content) }
}

/// `context` of a route: names and values alone.
pub(super) fn of_route(table: &Table<'_>) -> Vec<Pair> {
    table.field("context", "{ lang = \"de\" }").and_then(|field| values(&field)).unwrap_or_default()
}

/// In the order of the file.
fn values(field: &Field<'_>) -> Option<Vec<Pair>> {
    let entries = field.table()?.pairs("\"text ${calling}\"");
    Some(entries.iter().filter_map(|(name, field)| pair(name, field)).collect())
}

fn pair(name: &str, field: &Field<'_>) -> Option<Pair> {
    let name = PairName::parse(name).map_err(|text| field.refuse_key(text)).ok();
    let value = field.parsed(|text| Template::parse(text).map_err(|fault| fault.to_string()))?;
    if !value.texts().all(pairs::is_value) {
        field.refuse("holds a semicolon or a character outside printable ASCII, and cannot stand in a pair");
        return None;
    }
    Some(Pair { name: name?, value })
}

/// Pairs of routes beside those of the trunks they lead to.
pub(super) fn check(doc: &Document, routing: &RoutingSettings) {
    for (index, route) in routing.routes.iter().enumerate().filter(|(_, route)| !route.context.is_empty()) {
        let members = |name: &String| {
            let group = routing.groups.iter().find(|group| group.name == *name);
            group.map_or_else(
                || vec![name.clone()],
                |group| group.members.iter().map(|member| member.trunk.clone()).collect(),
            )
        };
        let names: Vec<String> = route.to.iter().flat_map(members).collect();
        let trunks = routing.trunks.iter().filter(|trunk| names.contains(&trunk.name));
        let builders: Vec<(&str, &ContextBuilder)> = trunks
            .filter_map(|trunk| Some((trunk.name.as_str(), trunk.behaviour.presentation.headers.context.as_ref()?)))
            .collect();
        let path = format!("routes[{index}].context");
        if builders.is_empty() {
            doc.error(&path, "changes nothing: no trunk of to writes User-to-User; write context = {} at the trunk");
        }
        for (trunk, builder) in builders {
            if let Err(fault) = builder.check(&route.context) {
                doc.error(&path, format!("together with context of trunk \"{trunk}\" it {fault}"));
            }
        }
    }
}
