use std::fmt;
use std::path::PathBuf;

/// One thing wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key with its section, `budgets.write_pause`; empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What is allowed.
    pub allowed: String,
}

/// All that is wrong with a profile, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileErrors {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it; never empty.
    pub problems: Vec<Problem>,
}

impl std::error::Error for ProfileErrors {}

/// One line a problem: `file:line:column: key: problem; allowed: …`.
impl fmt::Display for ProfileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            let (line, column) = (problem.line, problem.column);
            write!(f, "{separator}{}:{line}:{column}: ", self.path.display())?;
            if !problem.key.is_empty() {
                write!(f, "{}: ", problem.key)?;
            }
            f.write_str(&problem.problem)?;
            if !problem.allowed.is_empty() {
                write!(f, "; allowed: {}", problem.allowed)?;
            }
        }
        Ok(())
    }
}
