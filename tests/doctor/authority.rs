//! A certificate authority for one test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use trunkline::net::{pem, tls};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub root: String,
}

/// A leaf and its key, as PEM.
#[derive(Clone)]
pub struct Leaf {
    pub chain: String,
    pub key: String,
}

/// Years from whose first to whose first day a leaf is valid.
pub type Years = (i32, i32);
pub const LONG: Years = (2020, 2100);

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::default();
        root.distinguished_name.push(DnType::CommonName, name);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = root.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(root, key), root: pem }
    }

    /// One that this authority vouches for; its root is no root.
    pub fn below(&self, name: &str) -> Authority {
        self.below_for(name, LONG)
    }

    pub fn below_for(&self, name: &str, (from, to): Years) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut middle = CertificateParams::default();
        middle.not_before = rcgen::date_time_ymd(from, 1, 1);
        middle.not_after = rcgen::date_time_ymd(to, 1, 1);
        middle.distinguished_name.push(DnType::CommonName, name);
        middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = middle.signed_by(&key, &self.issuer).unwrap().pem();
        Authority { issuer: Issuer::new(middle, key), root: pem }
    }

    /// This authority's own name and key, signed by another one too (RFC 4949: cross-certificate).
    pub fn cross_signed(&self, by: &Authority, name: &str, (from, to): Years) -> String {
        let mut own = CertificateParams::default();
        own.not_before = rcgen::date_time_ymd(from, 1, 1);
        own.not_after = rcgen::date_time_ymd(to, 1, 1);
        own.distinguished_name.push(DnType::CommonName, name);
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.signed_by(self.issuer.key(), &by.issuer).unwrap().pem()
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        tls::roots_of_pem(self.root.as_bytes()).unwrap().store
    }

    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        pem::certificates(self.root.as_bytes()).unwrap()
    }

    pub fn leaf(&self, name: &str) -> Leaf {
        self.leaf_for(name, LONG, ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub fn leaf_for(&self, name: &str, years: Years, usage: ExtendedKeyUsagePurpose) -> Leaf {
        self.leaf_of(name, years, vec![usage])
    }

    /// With an RSA key, for these names.
    pub fn rsa_leaf(&self, names: &[&str]) -> Leaf {
        let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut leaf = CertificateParams::new(names).unwrap();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.not_after = rcgen::date_time_ymd(LONG.1, 1, 1);
        let certificate = leaf.signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: certificate.pem(), key: key.serialize_pem() }
    }

    pub fn leaf_of(&self, name: &str, (from, to): Years, usages: Vec<ExtendedKeyUsagePurpose>) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.extended_key_usages = usages;
        leaf.not_before = rcgen::date_time_ymd(from, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(to, 1, 1);
        let certificate = leaf.signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Leaf {
    pub fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (pem::certificates(self.chain.as_bytes()).unwrap(), pem::private_key(self.key.as_bytes()).unwrap())
    }
}
