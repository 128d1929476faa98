/// The last ERROR of a log with the DETAIL and CONTEXT lines that belong to it: what an apply worker fell over.
pub(super) fn last_error(log: &str) -> Option<String> {
    let lines: Vec<_> = log.lines().collect();
    let at = lines.iter().rposition(|line| line.contains("ERROR:  "))?;
    let words =
        |line: &str, word: &str| line.find(word).map(|start| line[start..].trim().to_owned());
    let mut text = words(lines[at], "ERROR:  ")?;
    let belongs = |line: &&&str| !line.contains("LOG:  ") && !line.contains("FATAL:  ");
    for line in lines[at + 1..].iter().take(6).take_while(belongs) {
        if let Some(more) = words(line, "DETAIL:  ").or_else(|| words(line, "CONTEXT:  ")) {
            text.push_str("; ");
            text.push_str(&more);
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::last_error;

    #[test]
    fn the_last_error_comes_with_its_row() {
        let log = "t:[1]:ERROR:  an older one\n\
                   t:[2]:LOG:  x\n\
                   t:[3]:ERROR:  duplicate key value violates unique constraint \"orders_pkey\"\n\
                   t:[3]:DETAIL:  Key (id)=(7) already exists.\n\
                   t:[3]:CONTEXT:  processing remote data for replication origin \"pg_1\"\n\
                   t:[4]:LOG:  background worker exited\n\
                   t:[5]:DETAIL:  of something else\n";
        assert_eq!(
            last_error(log).as_deref(),
            Some(
                "ERROR:  duplicate key value violates unique constraint \"orders_pkey\"; DETAIL:  Key (id)=(7) already \
                 exists.; CONTEXT:  processing remote data for replication origin \"pg_1\""
            )
        );
        assert_eq!(last_error("all quiet"), None);
    }
}
