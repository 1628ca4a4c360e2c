//! The cases. What filters do is told by the bytes themselves: see the guest.

use super::Step::{Again, Breaks, Ends, Says, Wait};
use super::{Case, Step};
use tamis_harness::stream::End::{Client, Upstream};
use tamis_harness::stream::FailurePolicy::{Closed, Open};

/// One filter that lets new connections through.
const ONE: Case =
    Case { name: "", filters: 1, configuration: "", policy: Closed, steps: &[], said: &[], got: ["", ""] };

const BOTH_END: [Step; 2] = [Ends(Client), Ends(Upstream)];

#[rustfmt::skip]
pub const ALL: &[Case] = &[
    // TCP-1: on_done, on_log, on_delete in this order (LIFE-9); the client's end last: peer 2, the upstream's: peer 1.
    Case { name: "plain", steps: &[Says(Client, "ab"), Says(Upstream, "cde"), Says(Client, "f"), BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "0 down 2", "0 up 3", "0 down 1", "0 down 0!", "0 up 0!", "0 up closes 0",
            "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"], got: ["abf.", "cde."], ..ONE },
    Case { name: "upstream-ends-first", steps: &[Says(Client, "a"), Ends(Upstream), Says(Client, "x"), Ends(Client)],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 up 0!", "0 up closes 0", "0 down 1", "0 down 0!",
            "0 down closes 2", "0 done 2", "0 log 2", "0 delete 2"], got: ["ax.", "."], ..ONE },
    Case { name: "client-breaks", steps: &[Says(Client, "a"), Says(Upstream, "b"), Breaks(Client)],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 up 1", "0 down closes 2", "0 done 2", "0 log 2", "0 delete 2"],
        got: ["a.", "b."], ..ONE },
    Case { name: "upstream-breaks", steps: &[Says(Client, "a"), Breaks(Upstream)],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"],
        got: ["a.", "."], ..ONE },
    // BUF-7: what is held is shown again with what comes.
    Case { name: "pauses", steps: &[Says(Client, "ap"), Says(Client, "b"), Says(Client, "p"), Says(Client, "x"),
            BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "0 down 2", "0 down 3", "0 down 1", "0 down 2", "0 down 0!", "0 up 0!",
            "0 up closes 0", "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"], got: ["apbpx.", "."], ..ONE },
    Case { name: "pauses-the-upstream", steps: &[Says(Client, "a"), Says(Upstream, "ap"), Says(Upstream, "b"),
            Says(Upstream, "p"), Says(Upstream, "x"), Ends(Upstream), Ends(Client)],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 up 2", "0 up 3", "0 up 1", "0 up 2", "0 up 0!", "0 up closes 0",
            "0 down 0!", "0 down closes 2", "0 done 2", "0 log 2", "0 delete 2"], got: ["a.", "apbpx."], ..ONE },
    Case { name: "holds-the-upstreams-end", steps: &[Says(Client, "a"), Says(Upstream, "ap"), Ends(Upstream), Ends(Client)],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 up 2", "0 up 2!", "0 up closes 0", "0 down 0!",
            "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"], got: ["a.", "."], ..ONE },
    Case { name: "holds-the-clients-end", steps: &[Says(Client, "ap"), Ends(Client), Ends(Upstream)],
        said: &["0 create 2", "0 new 2", "0 down 2", "0 down 2!", "0 up 0!", "0 up closes 0", "0 down closes 1",
            "0 done 2", "0 log 2", "0 delete 2"], got: [".", "."], ..ONE },
    // LR-10: either type closes, and what the filter was shown is lost.
    Case { name: "closes-2", steps: &[Says(Client, "a"), Says(Client, "xc")],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 down 2", "0 says 0", "0 down closes 1", "0 done 2", "0 log 2",
            "0 delete 2"], got: ["a.", "."], ..ONE },
    Case { name: "closes-3", steps: &[Says(Client, "a"), Says(Client, "xu")],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 down 2", "0 says 0", "0 down closes 1", "0 done 2", "0 log 2",
            "0 delete 2"], got: ["a.", "."], ..ONE },
    Case { name: "closes-2-upstream", steps: &[Says(Client, "a"), Says(Upstream, "xc")],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 up 2", "0 says 0", "0 down closes 1", "0 done 2", "0 log 2",
            "0 delete 2"], got: ["a.", "."], ..ONE },
    Case { name: "closes-3-upstream", steps: &[Says(Client, "a"), Says(Upstream, "xu")],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 up 2", "0 says 0", "0 down closes 1", "0 done 2", "0 log 2",
            "0 delete 2"], got: ["a.", "."], ..ONE },
    Case { name: "writes", steps: &[Says(Client, "abw"), Says(Upstream, "abcw"), BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "0 down 3", "0 says 0", "0 up 4", "0 says 0", "0 down 0!", "0 up 0!",
            "0 up closes 0", "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"], got: ["W.", "W."], ..ONE },
    // FAIL-3, FAIL-8: the connection that met the trap is closed and no more is told of it; new ones as the policy says.
    Case { name: "traps", steps: &[Says(Client, "a"), Says(Client, "t")],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 down 1"], got: ["a.", "."], ..ONE },
    Case { name: "traps-upstream", steps: &[Says(Client, "a"), Says(Upstream, "t")],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 up 1"], got: ["a.", "."], ..ONE },
    Case { name: "traps-closed", steps: &[Says(Client, "a"), Says(Client, "t"), Again],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 down 1"], got: [".", "."], ..ONE },
    Case { name: "traps-open", policy: Open, steps: &[Says(Client, "a"), Says(Client, "t"), Again, Says(Client, "b"),
            Says(Upstream, "c"), BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "0 down 1", "0 down 1"], got: ["b.", "c."], ..ONE },
    // LR-11: a timer resumes what a callback has paused; the upstream's side cannot be resumed (12, told by its ten).
    Case { name: "resumes-by-a-timer", steps: &[Says(Client, "as"), Wait, Says(Client, "b"), BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "0 down 2", "0 tick 1", "0 down 1", "0 down 0!", "0 up 0!", "0 up closes 0",
            "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"], got: ["asb.", "."], ..ONE },
    Case { name: "resumes-at-once", steps: &[Says(Client, "ap"), Says(Client, "g"), Says(Client, "b"), BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "0 down 2", "0 down 3", "0 says 0", "0 says 1!", "0 down 1", "0 down 0!",
            "0 up 0!", "0 up closes 0", "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"], got: ["apgb.", "."], ..ONE },
    // TCP-2: while a new connection waits, its client is not read, and the next filter knows nothing of it.
    Case { name: "pauses-a-new-connection", configuration: "1", filters: 2, steps: &[Says(Client, "ap"), Ends(Client)],
        said: &["0 create 2", "0 new 2"], got: ["", ""], ..ONE },
    Case { name: "resumes-a-new-connection", configuration: "22", steps: &[Wait, Says(Client, "a"), Says(Upstream, "b"),
            BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "0 tick 1", "0 down 1", "0 up 1", "0 down 0!", "0 up 0!", "0 up closes 0",
            "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2"], got: ["a.", "b."], ..ONE },
    // The upstream's bytes meet the last filter first.
    Case { name: "two", filters: 2, steps: &[Says(Client, "a"), Says(Upstream, "b"), Says(Client, "xp"), Says(Client, "y"),
            BOTH_END[0], BOTH_END[1]],
        said: &["0 create 2", "0 new 2", "1 create 2", "1 new 2", "0 down 1", "1 down 1", "1 up 1", "0 up 1", "0 down 2",
            "0 down 3", "1 down 3", "0 down 0!", "1 down 0!", "1 up 0!", "1 up closes 0", "0 up 0!", "0 up closes 0",
            "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2", "1 down closes 1", "1 done 2", "1 log 2", "1 delete 2"],
        got: ["axpy.", "b."], ..ONE },
    Case { name: "two-close", filters: 2, steps: &[Says(Client, "a"), Says(Client, "xc")],
        said: &["0 create 2", "0 new 2", "1 create 2", "1 new 2", "0 down 1", "1 down 1", "0 down 2", "0 says 0",
            "0 down closes 1", "0 done 2", "0 log 2", "0 delete 2", "1 down closes 1", "1 done 2", "1 log 2", "1 delete 2"],
        got: ["a.", "."], ..ONE },
];
