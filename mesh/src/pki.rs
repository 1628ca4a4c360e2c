//! Certificates, made by `openssl` for this run alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, cannot};
use crate::process::run;

/// A certificate and its key.
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Pair {
    /// A certificate authority, called `name`, in a folder.
    pub fn authority(folder: &Path, name: &str) -> Result<Self, Failure> {
        let pair = Self::at(folder, name)?;
        let mut command = openssl(&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        command.args(["-addext", "basicConstraints=critical,CA:TRUE"]);
        command
            .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-subj"])
            .arg(format!("/O=cluster.local/CN={name}"));
        command.arg("-keyout").arg(&pair.key).arg("-out").arg(&pair.certificate);
        run(command)?;
        Ok(pair)
    }

    /// A certificate that an authority has signed, for a subject alternative name (`IP:127.0.0.1`, `URI:spiffe://…`).
    pub fn signed(folder: &Path, name: &str, by: &Self, alternative: &str) -> Result<Self, Failure> {
        let pair = Self::at(folder, name)?;
        let (request, extensions) = (folder.join(format!("{name}.csr")), folder.join(format!("{name}.ext")));
        let mut command = openssl(&["req", "-newkey", "rsa:2048", "-nodes", "-subj"]);
        command.arg(format!("/O={name}")).arg("-keyout").arg(&pair.key).arg("-out").arg(&request);
        run(command)?;
        let text = format!(
            "subjectAltName=critical,{alternative}\nextendedKeyUsage=clientAuth,serverAuth\n\
             keyUsage=critical,digitalSignature,keyEncipherment\n"
        );
        fs::write(&extensions, text).map_err(cannot("write a certificate's extensions"))?;
        let mut command = openssl(&["x509", "-req", "-days", "2", "-CAcreateserial", "-in"]);
        command.arg(&request).arg("-CA").arg(&by.certificate).arg("-CAkey").arg(&by.key);
        command.arg("-extfile").arg(&extensions).arg("-out").arg(&pair.certificate);
        run(command)?;
        Ok(pair)
    }

    fn at(folder: &Path, name: &str) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(cannot("create a folder"))?;
        Ok(Self { certificate: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) })
    }
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
}
