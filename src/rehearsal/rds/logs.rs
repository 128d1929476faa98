//! Log files: listed, and handed out in portions as RDS does.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::wire::{ApiError, Params, Xml};
use super::world::World;

/// How many lines RDS gives at most where no other limit is asked for.
const LINES: usize = 10_000;

/// `DescribeDBLogFiles`.
pub fn list(world: &World, params: &Params) -> Result<Xml, ApiError> {
    let identifier = params.identifier("DBInstanceIdentifier")?;
    world.state().instance(&identifier)?;
    let part = params.opt("FilenameContains").unwrap_or_default();
    let since = params.number::<i64>("FileLastWritten")?.unwrap_or(0);
    let size = params.number::<u64>("FileSize")?.unwrap_or(0);
    let dir = world.instance_dir(&identifier).join("log/error");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            let name = format!("error/{}", entry.file_name().to_str()?);
            let written = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
            Some((name, written, meta.len()))
        })
        .filter(|(name, written, len)| name.contains(part) && *written >= since && *len >= size)
        .collect();
    files.sort();
    let mut xml = Xml::default();
    xml.list(
        "DescribeDBLogFiles",
        "DescribeDBLogFilesDetails",
        files,
        |xml, (name, written, len)| {
            xml.text("LogFileName", name);
            xml.text("LastWritten", written);
            xml.text("Size", len);
        },
    );
    Ok(xml)
}

/// `DownloadDBLogFilePortion`. From a marker it goes forward, at most the lines asked for and at most the portion's
/// size, which may end in the middle of a line. Without a marker it gives only the newest lines.
pub fn portion(world: &World, params: &Params) -> Result<Xml, ApiError> {
    let identifier = params.identifier("DBInstanceIdentifier")?;
    world.state().instance(&identifier)?;
    let name = params.required("LogFileName")?;
    let path = file(&world.instance_dir(&identifier), name)?;
    let text = std::fs::read(&path).map_err(|_| no_such_file(name))?;
    let text = String::from_utf8_lossy(&text);
    let lines = params.number("NumberOfLines")?.unwrap_or(LINES);
    let (start, end) = match params.opt("Marker") {
        Some(marker) => forward(&text, marker, lines, world.settings.log_portion)?,
        None => (tail_start(&text, lines), text.len()),
    };
    let mut xml = Xml::default();
    xml.text("LogFileData", &text[start..end]);
    xml.text("Marker", format!("1:{end}"));
    xml.text("AdditionalDataPending", end < text.len());
    Ok(xml)
}

fn forward(
    text: &str,
    marker: &str,
    lines: usize,
    bytes: usize,
) -> Result<(usize, usize), ApiError> {
    let offset = match marker {
        "0" => Some(0),
        other => other.strip_prefix("1:").and_then(|at| at.parse().ok()),
    };
    let start = offset
        .filter(|&at: &usize| text.is_char_boundary(at))
        .ok_or_else(|| ApiError::invalid(format!("Invalid value for Marker: {marker}")))?;
    let rest = &text[start..];
    let by_lines = rest
        .match_indices('\n')
        .nth(lines.saturating_sub(1))
        .map_or(rest.len(), |(at, _)| at + 1);
    let mut end = start + by_lines.min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Ok((start, end))
}

fn tail_start(text: &str, lines: usize) -> usize {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.rmatch_indices('\n')
        .nth(lines.saturating_sub(1))
        .map_or(0, |(at, _)| at + 1)
}

/// `error/NAME` below the instance's log folder; nothing else can be named.
fn file(dir: &Path, name: &str) -> Result<PathBuf, ApiError> {
    name.strip_prefix("error/")
        .filter(|file| !file.contains('/') && *file != "..")
        .map(|file| dir.join("log/error").join(file))
        .ok_or_else(|| no_such_file(name))
}

fn no_such_file(name: &str) -> ApiError {
    let message = format!("DBLog File: {name}, is not found on the DB instance");
    ApiError::new("DBLogFileNotFoundFault", message)
}

#[cfg(test)]
mod tests {
    use super::{forward, tail_start};

    #[test]
    fn portions_join_to_the_whole() {
        let text = "one\ntwö\nthree\n";
        for bytes in 2..20 {
            let mut joined = String::new();
            let mut marker = "0".to_owned();
            while joined.len() < text.len() {
                let (start, end) = forward(text, &marker, 2, bytes).expect("a portion");
                joined.push_str(&text[start..end]);
                marker = format!("1:{end}");
            }
            assert_eq!(joined, text);
        }
        assert!(forward(text, "nonsense", 1, 10).is_err());
        assert!(forward(text, "1:999", 1, 10).is_err());
    }

    #[test]
    fn the_tail_is_the_newest_lines() {
        assert_eq!(&"a\nb\nc\n"[tail_start("a\nb\nc\n", 2)..], "b\nc\n");
        assert_eq!(tail_start("a\nb", 9), 0);
    }
}
