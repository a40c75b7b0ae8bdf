//! Reading a Teams-like INVITE of about 1400 octets: our layer beside rsip, in one run.

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rsip::headers::ToTypedHeader;
use rsip::message::HeadersExt;
use trunkline::sip::Status;
use trunkline::sip::frame::{Framed, StreamFramer, datagram};
use trunkline::sip::message::SipMessage;
use trunkline::sip::write::{ResponseHead, Writer};

const BODY: &str = "v=0\r\no=- 123456 0 IN IP4 52.112.0.10\r\ns=session\r\nc=IN IP4 52.112.0.10\r\nb=CT:10000000\r\nt=0 0\r\n\
m=audio 50000 RTP/SAVP 104 9 8 0 101 13\r\na=rtcp:50001\r\na=label:main-audio\r\na=sendrecv\r\na=rtpmap:104 SILK/16000\r\n\
a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA|2^31\r\na=ptime:20\r\n";

fn invite() -> Bytes {
    let head = "INVITE sip:+15551234567@sbc.example.net:5061;user=phone;transport=tls SIP/2.0\r\n\
Via: SIP/2.0/TLS 52.114.75.24:5061;branch=z9hG4bKa2f1c3d4e5\r\n\
Record-Route: <sip:sip-du-a-eu.pstnhub.example.com:5061;transport=tls;lr>\r\n\
Max-Forwards: 68\r\n\
From: \"Anna Muster\" <sip:+4989123456@sip.pstnhub.example.com:5061;user=phone>;tag=c8f3e2a1b0\r\n\
To: <sip:+15551234567@sbc.example.net:5061;user=phone>\r\n\
Call-ID: 2ee3dd4cd5ee5bd1b8a7a7f7a9b0ad1c\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:api-du-a-euno.pstnhub.example.com:443;x-i=6f3b2c1a-0d4e;x-c=2ee3dd4c/d/8/abcdef>\r\n\
P-Asserted-Identity: <tel:+4989123456>,<sip:anna@contoso.example>\r\n\
Privacy: id\r\nSupported: timer\r\nSession-Expires: 3600;refresher=uac\r\nMin-SE: 300\r\n\
User-Agent: Example.PSTNHub.SIPProxy v.2026.11.1.1\r\nAllow: INVITE, ACK, CANCEL, BYE, NOTIFY\r\nContent-Type: application/sdp\r\n";
    Bytes::from(format!("{head}Content-Length: {}\r\n\r\n{BODY}", BODY.len()))
}

fn source() -> SocketAddr {
    SocketAddr::from(([52, 114, 75, 24], 5061))
}

fn read_by_rsip(octets: &[u8]) -> Option<(rsip::typed::Via, rsip::typed::From, rsip::typed::To, rsip::typed::CSeq)> {
    let request = rsip::Request::try_from(octets).ok()?;
    let via = request.via_header().ok()?.clone().typed().ok()?;
    let from = request.from_header().ok()?.clone().typed().ok()?;
    let to = request.to_header().ok()?.clone().typed().ok()?;
    Some((via, from, to, request.cseq_header().ok()?.clone().typed().ok()?))
}

fn reading(criterion: &mut Criterion) {
    let octets = invite();
    let mut group = criterion.benchmark_group("invite");
    group.throughput(Throughput::Bytes(u64::try_from(octets.len()).unwrap_or_default()));
    group.bench_function("datagram, mandatory fields typed", |bencher| {
        bencher.iter(|| datagram(black_box(&octets), source()));
    });
    group.bench_function("stream, mandatory fields typed", |bencher| {
        let mut framer = StreamFramer::default();
        bencher.iter(|| {
            framer.buffer().extend_from_slice(black_box(&octets));
            matches!(framer.next(source()), Some(Framed::Message(_)))
        });
    });
    group.bench_function("datagram refused: head scanned, answer written", |bencher| {
        let bad = Bytes::from(String::from_utf8_lossy(&octets).replacen("CSeq: 1 INVITE", "CSeq: 1 BYE", 1));
        bencher.iter(|| datagram(black_box(&bad), source()));
    });
    group.bench_function("rsip, headers as strings", |bencher| {
        bencher.iter(|| rsip::Request::try_from(black_box(octets.as_ref())));
    });
    group.bench_function("rsip, Via From To CSeq typed", |bencher| {
        bencher.iter(|| read_by_rsip(black_box(&octets)));
    });
    group.finish();
}

fn answering(criterion: &mut Criterion) {
    let Some(Ok(SipMessage::Request(request))) = datagram(&invite(), source()) else { return };
    let head = ResponseHead::new(&request, source());
    criterion.bench_function("response head copied from a request", |bencher| {
        bencher.iter(|| ResponseHead::new(black_box(&request), source()));
    });
    criterion.bench_function("response written from its head", |bencher| {
        bencher.iter(|| Writer::response_from(Status::RINGING, None, black_box(&head), Some(b"a1b2c3")).finish());
    });
}

criterion_group!(benches, reading, answering);
criterion_main!(benches);
