//! A template, looked at before the engine has it: what it calls, what it is when it is simple, and how much longer than what
//! flows into it a value in it can become.
//!
//! The engine counts steps, but not the bytes of what a step makes. Our own functions and filters count theirs. What is left are
//! the operators, and of these only joining makes texts longer than what there was: `~` and `+`, each at most the sum of its
//! parts, as do lists of values. A value that is kept by `set` and joined with itself again and again would double each time.
//! So the sizes are added up here, in units of the longest thing that flows in, and more than [`MAX_GROWTH`] is refused. `*`
//! repeats texts a hundred million times, and blocks that capture what they write grow with every turn of a loop: these are
//! refused. Every loop that the engine then runs has its steps counted.

use super::facts::Uses;
use super::functions;

/// How many times longer than the longest text that flows in a value may become.
pub const MAX_GROWTH: u64 = 32;

/// What is known of a template.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// What it looks at.
    pub uses: Uses,
    /// The only call that it consists of, with its arguments.
    pub call: Option<(String, Vec<String>)>,
    /// Whether it has no code.
    pub constant: bool,
}

/// A word of a template's code.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number,
    Sign(char),
}

/// How long the values of names can become. Not a map: names are few, and its code is long.
type Sizes = Vec<(String, u64)>;

/// The code between one pair of brackets.
struct Block {
    line: usize,
    statement: bool,
    tokens: Vec<Token>,
}

/// Looks at a template.
///
/// # Errors
///
/// What is wrong, with its line.
pub fn scan(source: &str) -> Result<Scan, String> {
    let (blocks, has_text) = blocks(source)?;
    let mut scan = Scan { constant: blocks.is_empty() && !source.contains("{#"), ..Scan::default() };
    let mut sizes = Sizes::new();
    for block in &blocks {
        let at = |message: String| format!("line {}: {message}", block.line);
        let code = if block.statement { statement(&block.tokens).map_err(at)? } else { &block.tokens };
        look(code, &mut scan.uses).map_err(at)?;
        grow(block, code, &mut sizes).map_err(at)?;
    }
    if let ([block], false) = (blocks.as_slice(), has_text || source.contains("{#")) {
        scan.call = call(&block.tokens).filter(|_| !block.statement);
    }
    Ok(scan)
}

/// The code of a template, and whether it has text besides.
fn blocks(source: &str) -> Result<(Vec<Block>, bool), String> {
    let (mut blocks, mut has_text) = (Vec::new(), false);
    let mut rest = source;
    let line = |rest: &str| 1 + source.len().checked_sub(rest.len()).and_then(|at| source.get(..at)).map_or(0, lines);
    while let Some(at) = rest.find('{') {
        has_text |= at > 0;
        rest = rest.get(at..).unwrap_or_default();
        let here = line(rest);
        if let Some(comment) = rest.strip_prefix("{#") {
            let end = comment.find("#}").ok_or_else(|| format!("line {here}: a comment does not end"))?;
            rest = comment.get(end + 2..).unwrap_or_default();
            continue;
        }
        let statement = rest.starts_with("{%");
        if !statement && !rest.starts_with("{{") {
            has_text = true;
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let close = if statement { "%}" } else { "}}" };
        let (tokens, after) =
            code(rest.get(2..).unwrap_or_default(), close).map_err(|message| format!("line {here}: {message}"))?;
        blocks.push(Block { line: here, statement, tokens });
        rest = after;
    }
    Ok((blocks, has_text || !rest.is_empty()))
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// The words up to the closing bracket, and what follows it.
fn code<'s>(source: &'s str, close: &str) -> Result<(Vec<Token>, &'s str), String> {
    let mut tokens = Vec::new();
    let mut characters = source.char_indices();
    // Behind `{{-`.
    let (mut depth, mut first) = (0_usize, true);
    while let Some((at, character)) = characters.next() {
        let rest = source.get(at..).unwrap_or_default();
        let dash = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        // The engine's brackets end at the same place: a map in code has its own.
        if depth == 0 && (rest.starts_with(close) || dash.starts_with(close)) {
            let behind = if rest.starts_with(close) { rest } else { dash };
            return Ok((tokens, behind.get(2..).unwrap_or_default()));
        }
        match character {
            '-' | '+' if first => {}
            ' ' | '\t' | '\n' | '\r' => {}
            '"' | '\'' => {
                let mut text = String::new();
                loop {
                    match characters.next() {
                        Some((_, end)) if end == character => break,
                        Some((_, '\\')) => text.extend(characters.next().map(|(_, escaped)| escaped)),
                        Some((_, plain)) => text.push(plain),
                        None => return Err("a text in quotes does not end".to_owned()),
                    }
                }
                tokens.push(Token::Text(text));
            }
            '0'..='9' => {
                let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                skip(&mut characters, length);
                tokens.push(Token::Number);
            }
            _ if character.is_alphabetic() || character == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let name = rest.get(..length).unwrap_or_default();
                skip(&mut characters, name.chars().count());
                tokens.push(Token::Name(name.to_owned()));
            }
            sign => {
                match sign {
                    '{' | '[' | '(' => depth += 1,
                    '}' | ']' | ')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                tokens.push(Token::Sign(sign));
            }
        }
        first = false;
    }
    Err(format!("expected `{close}`"))
}

/// Steps over the rest of a word, whose first character has been met.
fn skip(characters: &mut std::str::CharIndices<'_>, length: usize) {
    if let Some(rest) = length.checked_sub(2) {
        characters.nth(rest);
    }
}

/// The expression in a statement.
fn statement(tokens: &[Token]) -> Result<&[Token], String> {
    let Some(Token::Name(word)) = tokens.first() else { return Err("expected a statement".to_owned()) };
    let rest = tokens.get(1..).unwrap_or_default();
    match word.as_str() {
        "if" | "elif" | "else" | "endif" | "endfor" => Ok(rest),
        "for" if rest.last() == Some(&Token::Name("recursive".to_owned())) => {
            Err("loops are not recursive here: nothing would bound them".to_owned())
        }
        "for" => {
            let place = rest.iter().position(|token| *token == Token::Name("in".to_owned()));
            place.and_then(|place| rest.get(place + 1..)).ok_or_else(|| "expected `in`".to_owned())
        }
        "set" => {
            let place = rest.iter().position(|token| *token == Token::Sign('='));
            let place =
                place.ok_or_else(|| "`set` needs a value behind `=`: blocks are not captured here".to_owned())?;
            Ok(rest.get(place + 1..).unwrap_or_default())
        }
        _ => Err(format!(
            "`{}` is no statement that is known here: if, elif, else, endif, for, endfor, set",
            word.escape_debug()
        )),
    }
}

/// Words that are no variables.
const WORDS: [&str; 13] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];

/// What is called, and what is looked at.
fn look(code: &[Token], uses: &mut Uses) -> Result<(), String> {
    for (place, token) in code.iter().enumerate() {
        let name = match token {
            Token::Sign('*') => {
                return Err("`*` could repeat a text without a bound: multiply numbers with product(a, b)".to_owned());
            }
            Token::Name(name) => name.as_str(),
            _ => continue,
        };
        let shown = name.escape_debug();
        let before = place.checked_sub(1).and_then(|place| code.get(place));
        let calls = code.get(place + 1) == Some(&Token::Sign('('));
        let (wrong, message) = if before == Some(&Token::Sign('.')) {
            (calls, format!("`.{shown}()`: values have no methods here"))
        } else if before == Some(&Token::Sign('|')) {
            (!functions::FILTERS.contains(&name), format!("there is no filter `{shown}`"))
        } else if is_test(code, place) {
            (!functions::TESTS.contains(&name), format!("there is no test `{shown}`"))
        } else if WORDS.contains(&name) || name == "loop" {
            (false, String::new())
        } else if calls {
            called(name, code.get(place + 2..).unwrap_or_default(), uses)?;
            (false, String::new())
        } else if functions::NAMES.contains(&name) && !names_an_argument(code, place) {
            (true, format!("`{shown}` is a function: write {shown}(…)"))
        } else {
            // A field of the body, unless it is set or a loop's.
            (uses.body, uses.json) = (true, true);
            (false, String::new())
        };
        if wrong {
            return Err(message);
        }
    }
    Ok(())
}

fn is_test(code: &[Token], place: usize) -> bool {
    let is = |back: usize, word: &str| {
        place.checked_sub(back).and_then(|place| code.get(place)) == Some(&Token::Name(word.to_owned()))
    };
    let not = code.get(place) == Some(&Token::Name("not".to_owned()));
    is(1, "is") && !not || is(2, "is") && is(1, "not")
}

fn names_an_argument(code: &[Token], place: usize) -> bool {
    code.get(place + 1) == Some(&Token::Sign('=')) && code.get(place + 2) != Some(&Token::Sign('='))
}

fn called(name: &str, arguments: &[Token], uses: &mut Uses) -> Result<(), String> {
    if !functions::NAMES.contains(&name) {
        return Err(format!("there is no function `{}`", name.escape_debug()));
    }
    match name {
        "header" | "header_values" | "request_header" | "query" | "cookie" | "path" | "method" | "status" => {
            uses.request = true;
        }
        "body" => uses.body = true,
        "context" => (uses.body, uses.json) = (true, true),
        "extraction" => {
            let Some(Token::Text(extractor)) = arguments.first() else {
                return Err("extraction(…) is given the name of an extractor, in quotes".to_owned());
            };
            uses.request = true;
            uses.extractions.push(extractor.clone());
        }
        "env" => {
            let Some(Token::Text(variable)) = arguments.first() else {
                return Err("env(…) is given the name of a variable, in quotes".to_owned());
            };
            uses.variables.push(variable.clone());
        }
        _ => {}
    }
    Ok(())
}

/// Adds up how long the values of this code can become.
fn grow(block: &Block, code: &[Token], sizes: &mut Sizes) -> Result<(), String> {
    let mut size = 0_u64;
    for (place, token) in code.iter().enumerate() {
        let attribute = place.checked_sub(1).and_then(|place| code.get(place)) == Some(&Token::Sign('.'));
        if let Token::Name(name) = token
            && !attribute
            && !WORDS.contains(&name.as_str())
        {
            let known = sizes.iter().find(|(other, _)| other == name);
            size = size.saturating_add(known.map_or(1, |(_, size)| *size));
        }
    }
    if size > MAX_GROWTH {
        return Err(format!(
            "what is made here could be {size} times as long as what flows into the template; at most {MAX_GROWTH}"
        ));
    }
    if let (true, Some(Token::Name(word))) = (block.statement, block.tokens.first())
        && matches!(word.as_str(), "set" | "for")
    {
        let end = block.tokens.len().saturating_sub(code.len() + 1);
        for name in block.tokens.get(1..end).unwrap_or_default() {
            if let Token::Name(name) = name {
                match sizes.iter_mut().find(|(other, _)| other == name) {
                    Some((_, known)) => *known = (*known).max(size),
                    None => sizes.push((name.clone(), size.max(1))),
                }
            }
        }
    }
    Ok(())
}

/// `name("a", "b")`, with nothing around it.
fn call(tokens: &[Token]) -> Option<(String, Vec<String>)> {
    let [Token::Name(name), Token::Sign('('), arguments @ .., Token::Sign(')')] = tokens else { return None };
    let mut texts = Vec::new();
    for (place, token) in arguments.iter().enumerate() {
        match token {
            Token::Text(text) if place % 2 == 0 => texts.push(text.clone()),
            Token::Sign(',') if place % 2 == 1 => {}
            _ => return None,
        }
    }
    Some((name.clone(), texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_grow_without_a_bound_is_refused() {
        for (source, words) in [
            (
                "{{ \"x\" * 100000000 }}",
                "line 1: `*` could repeat a text without a bound: multiply numbers with product(a, b)",
            ),
            ("{% set a %}x{% endset %}", "line 1: `set` needs a value behind `=`: blocks are not captured here"),
            (
                "\n{% filter upper %}x{% endfilter %}",
                "line 2: `filter` is no statement that is known here: if, elif, else, endif, for, endfor, set",
            ),
            (
                "{% for a in b recursive %}{% endfor %}",
                "line 1: loops are not recursive here: nothing would bound them",
            ),
            ("{{ range(3) }}", "line 1: there is no function `range`"),
            ("{{ a.b() }}", "line 1: `.b()`: values have no methods here"),
            ("{{ a|sort }}", "line 1: there is no filter `sort`"),
            ("{{ a is fine }}", "line 1: there is no test `fine`"),
            ("{{ header }}", "line 1: `header` is a function: write header(…)"),
            ("{{ extraction(a) }}", "line 1: extraction(…) is given the name of an extractor, in quotes"),
        ] {
            assert_eq!(scan(source).unwrap_err(), words, "{source}");
        }
        let doubling = format!("{{% set a = body() %}}{}{{{{ a }}}}", "{% set a = a ~ a %}".repeat(20));
        assert_eq!(
            scan(&doubling).unwrap_err(),
            "line 1: what is made here could be 64 times as long as what flows into the template; at most 32"
        );
        let lists = format!("{{% set a = body() %}}{}{{{{ a }}}}", "{% set a = [a, a] %}".repeat(20));
        assert!(scan(&lists).is_err());
    }

    #[test]
    fn what_is_simple_is_known() {
        let call = |source| scan(source).unwrap().call.map(|(name, arguments)| format!("{name}{arguments:?}"));
        assert_eq!(call(r#"{{ header("x-a") }}"#).as_deref(), Some(r#"header["x-a"]"#));
        assert_eq!(call(r#"{{- extraction('a', "b") -}}"#).as_deref(), Some(r#"extraction["a", "b"]"#));
        for source in [r#"{{ header("a") }}x"#, r#"{{ header("a") ~ "b" }}"#, "{{ a }}", r#"{# #}{{ header("a") }}"#] {
            assert_eq!(call(source), None, "{source}");
        }
        assert!(scan("a { b } %}").unwrap().constant);
        assert!(!scan("{{ a }}").unwrap().constant);
    }

    #[test]
    fn what_is_looked_at_is_known() {
        let uses = |source| scan(source).unwrap().uses;
        assert_eq!(uses("{{ user.header }}"), Uses { body: true, json: true, ..Uses::default() });
        assert_eq!(uses(r#"{{ header("a")|upper }}"#), Uses { request: true, ..Uses::default() });
        let extraction = Uses { request: true, extractions: vec!["id".to_owned()], ..Uses::default() };
        assert_eq!(uses(r#"{{ "b" if extraction("id") is defined else "c" }}"#), extraction);
    }
}
