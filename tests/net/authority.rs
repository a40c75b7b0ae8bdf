//! A certificate authority for one test.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use trunkline::net::identity::Identity;
use trunkline::net::trust::RevocationLists;
use trunkline::net::{pem, tls};
use x509_parser::prelude::{FromDer, X509Certificate};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

/// A leaf and its key, as PEM.
#[derive(Clone)]
pub struct Leaf {
    pub chain: String,
    pub key: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Both,
    ServerOnly,
    CodeSigning,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Now,
    Over,
    ToCome,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::default();
        root.distinguished_name.push(DnType::CommonName, name);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = root.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(root, key), root: pem }
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        tls::roots_of_pem(self.root.as_bytes()).unwrap().store
    }

    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_for(names, Usage::Both, Validity::Now)
    }

    pub fn leaf_for(&self, names: &[&str], usage: Usage, validity: Validity) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        leaf.extended_key_usages = match usage {
            Usage::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Usage::ServerOnly => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::CodeSigning => vec![ExtendedKeyUsagePurpose::CodeSigning],
        };
        let (from, to) = match validity {
            Validity::Now => (2020, 2100),
            Validity::Over => (2020, 2021),
            Validity::ToCome => (2099, 2100),
        };
        leaf.not_before = rcgen::date_time_ymd(from, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(to, 1, 1);
        let certificate = leaf.signed_by(&key, &self.issuer).unwrap();
        Leaf { chain: certificate.pem() + &self.root, key: key.serialize_pem() }
    }
}

impl Authority {
    /// The list on which these leaves of ours stand as withdrawn.
    pub fn withdraws(&self, leaves: &[&Leaf]) -> RevocationLists {
        let revoked = |leaf: &&Leaf| RevokedCertParams {
            serial_number: SerialNumber::from(leaf.serial()),
            revocation_time: rcgen::date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2021, 1, 1),
            next_update: rcgen::date_time_ymd(2022, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: leaves.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        pem::revocation_lists(list.signed_by(&self.issuer).unwrap().pem().unwrap().as_bytes()).unwrap()
    }
}

impl Leaf {
    /// One that nobody vouches for but itself.
    pub fn of_itself(names: &[&str]) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        Leaf { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    fn serial(&self) -> Vec<u8> {
        X509Certificate::from_der(&self.parts().0[0]).unwrap().1.raw_serial().to_vec()
    }

    pub fn identity(&self) -> Arc<Identity> {
        Arc::new(Identity::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap())
    }

    pub fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (pem::certificates(self.chain.as_bytes()).unwrap(), pem::private_key(self.key.as_bytes()).unwrap())
    }
}
