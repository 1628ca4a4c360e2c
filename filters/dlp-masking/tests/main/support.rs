//! Messages through a machine, cut anyhow; files that tests write.

use std::path::Path;

use dlp_masking::engine::Engine;
use dlp_masking::format::Machine;
use dlp_masking::hmac::Key;
use dlp_masking::mask::Mask;
use dlp_masking::plan::Plan;
use dlp_masking::scope::Scope;

/// Everything that is built in, with a label as the mask.
pub fn labels() -> Engine {
    let plan = Plan::everything();
    let masks = vec![Mask::Label; plan.rules().len()];
    Engine { plan, masks, scope: Scope::default(), key: Key::new(b"sixteen bytes key") }
}

/// What comes out, and which rules have found something, in order; and the most bytes that waited.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Masked {
    pub out: Vec<u8>,
    pub finds: Vec<usize>,
}

/// Sends pieces through a machine, as the SDK does: what is not decided comes again.
pub fn through<'p>(
    mut machine: Machine,
    engine: &Engine,
    pieces: impl IntoIterator<Item = &'p [u8]>,
    max_held: usize,
) -> Masked {
    let mut masked = Masked::default();
    let mut held: Vec<u8> = Vec::new();
    let mut push = |window: &[u8], last: bool| {
        let (decided, output) = machine.push(engine, window, last);
        assert!(decided <= window.len() && (!last || decided == window.len()), "{decided} of {}", window.len());
        masked.out.extend_from_slice(output.changed.as_deref().unwrap_or(&window[..decided]));
        masked.finds.extend(output.finds);
        window[decided..].to_vec()
    };
    for piece in pieces {
        held.extend_from_slice(piece);
        held = push(&held, false);
        assert!(held.len() <= max_held, "{} bytes are held back", held.len());
    }
    push(&held, true);
    masked
}

/// The whole as one piece, which is the last.
pub fn at_once(machine: &Machine, engine: &Engine, text: &[u8]) -> Masked {
    let mut machine = machine.clone();
    let (decided, output) = machine.push(engine, text, true);
    assert_eq!(decided, text.len());
    Masked { out: output.changed.unwrap_or_else(|| text.to_vec()), finds: output.finds }
}

/// Whether nothing of a text stays, but white space.
pub fn is_masked(text: &str) -> bool {
    let masked = at_once(&Machine::text(), &labels(), text.as_bytes()).out;
    !String::from_utf8_lossy(&masked).contains(text.trim()) && masked.starts_with(b"[")
}

/// The same in a few ways of cutting, and every byte by itself.
pub fn is_the_same_for_every_cut(
    machine: &Machine,
    engine: &Engine,
    text: &[u8],
    cuts: &[usize],
    max_held: usize,
) -> Masked {
    let whole = at_once(machine, engine, text);
    let mut places = cuts.iter().map(|cut| cut % (text.len() + 1)).collect::<Vec<_>>();
    places.extend([0, text.len()]);
    places.sort_unstable();
    let pieces = places.windows(2).map(|pair| &text[pair[0]..pair[1]]);
    for cut in
        [through(machine.clone(), engine, pieces, max_held), through(machine.clone(), engine, text.chunks(1), max_held)]
    {
        assert_eq!(
            String::from_utf8_lossy(&cut.out),
            String::from_utf8_lossy(&whole.out),
            "of {:?}",
            String::from_utf8_lossy(text)
        );
        assert_eq!(cut.finds, whole.finds, "of {:?}", String::from_utf8_lossy(text));
    }
    whole
}

/// A file of the crate has this text; with `BLESS=1` it gets it.
#[track_caller]
pub fn is_blessed(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "BLESS=1 writes {file} anew");
}
