//! Writes quorate's RPM package with the same files as the Debian package: those that `[package.metadata.deb]` in the
//! `Cargo.toml` of the working directory lists. Used by `packaging/build`. With `--list` it tells what is in such a package.

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;

use rpm::{BuildConfig, CompressionType, FileFlags, FileOptions, Package, PackageBuilder};
use serde::Deserialize;

#[derive(Deserialize)]
struct Manifest {
    package: Described,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    version: String,
    license: String,
    description: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    deb: Deb,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Deb {
    maintainer: String,
    extended_description: String,
    assets: Vec<Asset>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Asset {
    File(String, String, String),
    Link { link_name: String, dest: String },
}

/// As in Debian's prerm: 0 packages stay.
const BEFORE_REMOVAL: &str = "if [ \"$1\" = 0 ] && [ -d /run/systemd/system ]; then\n  \
                              systemctl disable --now quorate-check.timer || true\nfi\n";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let out = match arguments.as_slice() {
        [flag, file] if flag == "--list" => return list(&Package::open(file)?),
        [file] => file,
        _ => return Err("usage: quorate-rpm [--list] FILE".into()),
    };
    let manifest: Manifest = toml::from_str(&fs::read_to_string("Cargo.toml")?)?;
    let date: u32 = std::env::var("SOURCE_DATE_EPOCH")?.parse()?;
    package(&manifest.package, date)?.write_file(out)?;
    Ok(())
}

/// What it is, what it needs, what it runs before it goes, and each file: mode, size, kind, path, target.
fn list(package: &Package) -> Result<(), Box<dyn Error>> {
    let all = &package.metadata;
    println!(
        "package {} {} {}",
        all.get_name()?,
        all.get_version()?,
        all.get_license()?
    );
    for need in all.get_requires()? {
        println!("requires {}", need.name);
    }
    for line in all.get_pre_uninstall_script()?.script.lines() {
        println!("before removal: {line}");
    }
    for file in all.get_file_entries()? {
        let keeps = file.flags.contains(FileFlags::CONFIG | FileFlags::NOREPLACE);
        let kind = if keeps { "config" } else { "file" };
        let target = file
            .linkto
            .filter(|to| !to.is_empty())
            .map_or_else(String::new, |to| format!(" -> {to}"));
        println!(
            "{kind} {:o} {} {}{target}",
            file.mode.permissions(),
            file.size,
            file.path.display()
        );
    }
    Ok(())
}

fn package(of: &Described, date: u32) -> Result<Package, rpm::Error> {
    let mut builder = PackageBuilder::new(
        &of.name,
        &of.version,
        &of.license,
        std::env::consts::ARCH,
        &of.description,
    );
    // Contents are dated by `date`, files by themselves. The fourth version of the format is what systems of ten years ago read.
    let config = BuildConfig::v4().compression(CompressionType::Gzip).source_date(date);
    builder
        .using_config(config)
        .build_host("localhost")
        .packager(&of.metadata.deb.maintainer)
        .description(&of.metadata.deb.extended_description)
        .pre_uninstall_script(BEFORE_REMOVAL);
    for asset in &of.metadata.deb.assets {
        match asset {
            Asset::Link { link_name, dest } => {
                builder.with_symlink(FileOptions::symlink(place(dest), link_name))?;
            }
            Asset::File(source, dest, mode) => {
                let mode = u16::from_str_radix(mode, 8).map_err(|_| rpm::Error::InvalidFileMode {
                    raw_mode: 0,
                    reason: "no octal mode in Cargo.toml",
                })?;
                for (source, dest) in files(source, &place(dest))? {
                    let options = FileOptions::new(&dest).permissions(mode);
                    let options = if dest.starts_with("/etc/") {
                        options.config().noreplace()
                    } else if dest.starts_with("/usr/share/doc/") {
                        options.doc()
                    } else {
                        options
                    };
                    builder.with_file_contents(fs::read(source)?, options)?;
                }
            }
        }
    }
    builder.build()
}

/// The files that an asset stands for, and where each goes: `DIR/*` is all of a directory.
fn files(source: &str, dest: &str) -> io::Result<Vec<(PathBuf, String)>> {
    let Some(dir) = source.strip_suffix("/*") else {
        return Ok(vec![(source.into(), dest.to_owned())]);
    };
    let paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
    paths.sort();
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (path, format!("{dest}{name}"))
    };
    Ok(paths.into_iter().map(named).collect())
}

/// Where a file goes: zsh's functions lie elsewhere on Debian than on all others.
fn place(dest: &str) -> String {
    format!("/{}", dest.replace("zsh/vendor-completions", "zsh/site-functions"))
}
