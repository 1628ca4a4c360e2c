//! Names from an untrusted file, made fit for a terminal and a log.

/// How many characters of a name are shown.
const SHOWN: usize = 120;

/// The text with control characters and line breaks escaped, cut after 120 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars().take(SHOWN) {
        push_visible(&mut out, letter);
    }
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// The text in full, with control characters but the line break escaped.
pub(crate) fn shown_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\n' {
            out.push(letter);
        } else {
            push_visible(&mut out, letter);
        }
    }
    out
}

/// A letter that could move the cursor or turn the direction of the text around is shown as its code.
fn push_visible(out: &mut String, letter: char) {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || turns {
        out.extend(letter.escape_default());
    } else {
        out.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        assert_eq!(shown("a\u{1b}[2Jb\n\u{202e}é"), "a\\u{1b}[2Jb\\n\\u{202e}é");
        assert_eq!(shown_lines("a\nb\r"), "a\nb\\r");
    }

    #[test]
    fn cuts_long_names() {
        assert_eq!(shown(&"x".repeat(200)).chars().count(), SHOWN + 1);
        assert_eq!(shown(&"x".repeat(SHOWN)).chars().count(), SHOWN);
    }
}
