//! The AWS query protocol: form parameters in, XML out.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An error as RDS words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The error code, `DBInstanceNotFound`.
    pub code: String,
    /// The message.
    pub message: String,
}

impl ApiError {
    /// An error by code and message.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// A required parameter that is not there.
    #[must_use]
    pub fn missing(name: &str) -> Self {
        let message = format!("The request must contain the parameter {name}.");
        Self::new("MissingParameter", message)
    }

    /// A parameter with a value that is not allowed.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// Parameters that do not go together.
    pub fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    fn status(&self) -> StatusCode {
        match self.code.as_str() {
            code if code.contains("NotFound") => StatusCode::NOT_FOUND,
            "ExpiredToken" | "AccessDenied" | "InvalidClientTokenId" => StatusCode::FORBIDDEN,
            "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut xml = Xml::default();
        xml.element("ErrorResponse", |xml| {
            xml.element("Error", |xml| {
                xml.text("Type", "Sender");
                xml.text("Code", &self.code);
                xml.text("Message", &self.message);
            });
            xml.text("RequestId", REQUEST_ID);
        });
        reply(self.status(), xml)
    }
}

const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// The answer to an action: its result inside the wrappers the protocol asks for.
pub fn answer(action: &str, result: &Xml) -> Response {
    let namespace = if action == "GetCallerIdentity" {
        "https://sts.amazonaws.com/doc/2011-06-15/"
    } else {
        "http://rds.amazonaws.com/doc/2014-10-31/"
    };
    let mut inside = Xml::default();
    inside.element(&format!("{action}Result"), |xml| xml.0.push_str(&result.0));
    inside.element("ResponseMetadata", |xml| xml.text("RequestId", REQUEST_ID));
    let body = inside.0;
    let whole = format!("<{action}Response xmlns=\"{namespace}\">{body}</{action}Response>");
    reply(StatusCode::OK, Xml(whole))
}

fn reply(status: StatusCode, xml: Xml) -> Response {
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/xml"),
        ("x-amzn-requestid", REQUEST_ID),
    ];
    (status, headers, xml.0).into_response()
}

/// XML in the making.
#[derive(Debug, Default)]
pub struct Xml(String);

impl Xml {
    /// An element with elements inside.
    pub fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.0.extend(["<", name, ">"]);
        inside(self);
        self.0.extend(["</", name, ">"]);
    }

    /// An element with text inside.
    pub fn text(&mut self, name: &str, value: impl Display) {
        // XML 1.0 has no way to write most control characters.
        let clean: String = value
            .to_string()
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect();
        self.element(name, |xml| {
            xml.0.push_str(&quick_xml::escape::escape(&*clean));
        });
    }

    /// An element, when there is something to write.
    pub fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A list: an element around one element for each item.
    pub fn list<T>(
        &mut self,
        name: &str,
        item: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.element(name, |xml| {
            for each in items {
                xml.element(item, |xml| write(xml, each));
            }
        });
    }

    /// A list of plain words.
    pub fn words<T: Display>(
        &mut self,
        name: &str,
        item: &str,
        items: impl IntoIterator<Item = T>,
    ) {
        self.element(name, |xml| {
            for each in items {
                xml.text(item, each);
            }
        });
    }
}

/// The parameters of a request.
#[derive(Debug, Clone, Default)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Takes the parameters of a form.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// A parameter that may be absent.
    pub fn opt(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.opt(name).ok_or_else(|| ApiError::missing(name))
    }

    /// An identifier by RDS's rules: a letter, then letters, digits and single hyphens; kept in lower case.
    pub fn identifier(&self, name: &str) -> Result<String, ApiError> {
        let text = self.required(name)?;
        let sound = text.len() <= 255
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !text.contains("--")
            && !text.ends_with('-');
        if sound {
            return Ok(text.to_ascii_lowercase());
        }
        Err(ApiError::invalid(format!(
            "The parameter {name} is not a valid identifier. Identifiers must begin with a letter; must contain only \
             ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens."
        )))
    }

    /// A boolean; absent reads as `None`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.opt(name).map(|value| value == "true")
    }

    /// A number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let read = |text: &str| {
            text.parse()
                .map_err(|_| ApiError::invalid(format!("{name}: {text} is not a number in range")))
        };
        self.opt(name).map(read).transpose()
    }

    /// A list, whatever its members are called: `Name.member.1`, `Name.VpcSecurityGroupId.1`.
    pub fn list(&self, name: &str) -> Vec<String> {
        let mut found: Vec<(usize, String)> = self
            .under(name)
            .filter_map(|(key, value)| {
                let (_, index) = key.rsplit_once('.')?;
                Some((index.parse().ok()?, value.to_owned()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// The tags: `Tags.Tag.1.Key` with `Tags.Tag.1.Value`.
    pub fn tags(&self) -> BTreeMap<String, String> {
        self.under("Tags")
            .filter_map(|(key, value)| {
                let member = key.strip_suffix(".Key")?;
                let other = self.opt(&format!("Tags.{member}.Value"));
                Some((value.to_owned(), other.unwrap_or_default().to_owned()))
            })
            .collect()
    }

    fn under(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        let prefix = format!("{name}.");
        self.0
            .iter()
            .filter_map(move |(key, value)| Some((key.strip_prefix(&prefix)?, value.as_str())))
    }
}
