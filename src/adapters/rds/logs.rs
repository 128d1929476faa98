use super::RdsClient;
use super::error::failed;
use crate::ports::{LogFile, RdsError, RdsErrorKind};

/// A log file larger than this is not read: it would not fit the memory the tool allows itself.
const LARGEST: usize = 128 << 20;

const DOWNLOAD: &str = "DownloadDBLogFilePortion";

impl RdsClient {
    pub(super) async fn list_logs(&self, instance: &str) -> Result<Vec<LogFile>, RdsError> {
        let mut files = Vec::new();
        let mut pages = self
            .rds
            .describe_db_log_files()
            .db_instance_identifier(instance)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("DescribeDBLogFiles", &error))?;
            files.extend(page.describe_db_log_files().iter().filter_map(|file| {
                Some(LogFile {
                    name: file.log_file_name()?.to_owned(),
                    last_written_ms: file.last_written().unwrap_or_default(),
                    size: file.size().unwrap_or_default(),
                })
            }));
        }
        Ok(files)
    }

    /// Without a Marker the API gives the newest lines only, and the lines of the boot are the oldest.
    pub(super) async fn whole_log(&self, instance: &str, file: &str) -> Result<String, RdsError> {
        let refused = |message: String| RdsError {
            operation: DOWNLOAD,
            kind: RdsErrorKind::Refused,
            code: None,
            message,
        };
        let mut text = String::new();
        let mut marker = "0".to_owned();
        loop {
            let page = self
                .rds
                .download_db_log_file_portion()
                .db_instance_identifier(instance)
                .log_file_name(file)
                .marker(&marker)
                .send()
                .await
                .map_err(|error| failed(DOWNLOAD, &error))?;
            text.push_str(page.log_file_data().unwrap_or_default());
            if !page.additional_data_pending().unwrap_or_default() {
                return Ok(text);
            }
            if text.len() > LARGEST {
                return Err(refused(format!(
                    "{file} of {instance} is larger than {} MB; it was not read to its end",
                    LARGEST >> 20
                )));
            }
            match page.marker() {
                Some(next) if next != marker => next.clone_into(&mut marker),
                next => {
                    return Err(refused(format!(
                        "{file} of {instance}: AWS says more is to come but gives {next:?} as the place to go on \
                         after {marker:?}; the file was not read to its end"
                    )));
                }
            }
        }
    }
}
