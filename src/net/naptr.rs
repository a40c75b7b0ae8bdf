//! The order of NAPTR records (RFC 3263 4.1, RFC 3403 4.1): order ascending, inside it preference ascending; only
//! those that lead to SRV records of the transport in use.

use crate::sip::flow::Transport;

/// One NAPTR record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    pub order: u16,
    pub preference: u16,
    /// `s`: the replacement has SRV records. Other flags mean other applications.
    pub flags: Vec<u8>,
    /// `SIPS+D2T`, `SIP+D2U`, ...
    pub services: Vec<u8>,
    /// Lower case, no dot at the end; empty when the record has a regular expression instead.
    pub replacement: String,
}

/// Names to ask for SRV records, in the order they shall be tried.
pub fn order(mut records: Vec<Pointer>, transport: Transport) -> Vec<String> {
    records.retain(|record| leads_to(record, transport));
    records.sort_by_key(|record| (record.order, record.preference));
    // RFC 3403 4.1: once a record has matched, those of a later order are not looked at.
    let first = records.first().map(|record| record.order);
    records.retain(|record| Some(record.order) == first);
    records.into_iter().map(|record| record.replacement).collect()
}

fn leads_to(record: &Pointer, transport: Transport) -> bool {
    record.flags.eq_ignore_ascii_case(b"s")
        && record.services.eq_ignore_ascii_case(service(transport))
        && !record.replacement.is_empty()
}

const fn service(transport: Transport) -> &'static [u8] {
    match transport {
        Transport::Tls => b"SIPS+D2T",
        Transport::Tcp => b"SIP+D2T",
        Transport::Udp => b"SIP+D2U",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(order: u16, preference: u16, flags: &str, services: &str, replacement: &str) -> Pointer {
        Pointer { order, preference, flags: flags.into(), services: services.into(), replacement: replacement.into() }
    }

    #[test]
    fn only_the_transport_in_use_counts_whatever_its_case() {
        let records = vec![
            pointer(10, 1, "s", "SIP+D2U", "_sip._udp.a"),
            pointer(20, 1, "S", "sips+d2t", "_sips._tcp.a"),
            pointer(30, 1, "s", "SIP+D2T", "_sip._tcp.a"),
        ];
        assert_eq!(order(records.clone(), Transport::Tls), ["_sips._tcp.a"]);
        assert_eq!(order(records.clone(), Transport::Tcp), ["_sip._tcp.a"]);
        assert_eq!(order(records, Transport::Udp), ["_sip._udp.a"]);
    }

    #[test]
    fn preference_decides_inside_the_first_order_and_later_orders_are_not_looked_at() {
        let records = vec![
            pointer(50, 0, "s", "SIPS+D2T", "late"),
            pointer(10, 9, "s", "SIPS+D2T", "second"),
            pointer(10, 1, "s", "SIPS+D2T", "first"),
        ];
        assert_eq!(order(records, Transport::Tls), ["first", "second"]);
    }

    #[test]
    fn records_of_other_applications_are_left_alone() {
        let records = vec![
            pointer(1, 1, "u", "SIPS+D2T", "uri"),
            pointer(1, 1, "a", "SIPS+D2T", "address"),
            pointer(1, 1, "s", "E2U+sip", "enum"),
            pointer(1, 1, "s", "SIPS+D2T", ""),
        ];
        assert_eq!(order(records, Transport::Tls), Vec::<String>::new());
    }
}
