//! What outlives a stream: shared data (rules SD-2, SD-3), queues (SQ-1, SQ-2), metrics (MET-1, MET-2, MET-3).

use super::{BAD_BYTES, BAD_OUT, cross, each, lines};

pub(super) fn shared_data() -> Vec<String> {
    let mut calls = lines(&[
        "proxy_get_shared_data \"none\" @data @u32",
        "proxy_set_shared_data \"once\" \"1\" 7",
        "proxy_get_shared_data \"once\" @data @u32",
        "proxy_set_shared_data \"k\" \"1\" 0",
        "proxy_get_shared_data \"k\" @data @u32",
        "proxy_set_shared_data \"k\" \"2\" 0",
        "proxy_get_shared_data \"k\" @data @u32",
        "proxy_set_shared_data \"k\" \"3\" -1",
        "proxy_get_shared_data \"k\" @data @u32",
        "proxy_set_shared_data \"k\" \"\" 0",
        "proxy_get_shared_data \"k\" @data @u32",
        "proxy_set_shared_data \"\" \"empty key\" 0",
        "proxy_get_shared_data \"\" @data @u32",
        "proxy_set_shared_data \"\\x00\\xff\" ~300000 0",
        "proxy_get_shared_data \"\\x00\\xff\" @data @u32",
        "proxy_set_shared_data \"\\x00\\xff\" ~2000 0",
        "proxy_get_shared_data \"\\x00\\xff\" @data @u32",
        "proxy_get_shared_data \"k\" !max !max !max",
        "proxy_get_shared_data \"none\" !max !max !max",
    ]);
    calls.extend(each("proxy_get_shared_data {} @data @u32", &BAD_BYTES));
    calls.extend(each("proxy_get_shared_data \"once\" {} @u32 @u32", &BAD_OUT));
    calls.extend(each("proxy_get_shared_data \"once\" @u32 {} @u32", &BAD_OUT));
    calls.extend(each("proxy_get_shared_data \"once\" @data {}", &BAD_OUT));
    calls.extend(each("proxy_set_shared_data {} \"v\" 0", &BAD_BYTES));
    calls.extend(each("proxy_set_shared_data \"bad\" {} 0", &BAD_BYTES));
    calls.push("proxy_get_shared_data \"bad\" @data @u32".to_owned());
    calls
}

pub(super) fn queues() -> Vec<String> {
    let mut calls = lines(&[
        "proxy_resolve_shared_queue \"\" \"none\" @u32",
        "proxy_resolve_shared_queue \"queues\" \"none\" @u32",
        "proxy_resolve_shared_queue \"other\" \"q\" @u32",
        "proxy_register_shared_queue \"q\" @u32 >0",
        "proxy_register_shared_queue \"q\" @u32",
        "proxy_register_shared_queue \"\" @u32",
        "proxy_resolve_shared_queue \"\" \"q\" @u32",
        "proxy_resolve_shared_queue \"queues\" \"q\" @u32",
        "proxy_dequeue_shared_queue $0 @data",
        "proxy_enqueue_shared_queue $0 \"one\"",
        "proxy_enqueue_shared_queue $0 \"\"",
        "proxy_enqueue_shared_queue $0 \"three\"",
        "proxy_dequeue_shared_queue $0 @data",
        "proxy_dequeue_shared_queue $0 @data",
        "proxy_dequeue_shared_queue $0 !max !max",
        "proxy_dequeue_shared_queue $0 @data",
        "proxy_dequeue_shared_queue $0 !max !max",
        "proxy_enqueue_shared_queue 0 \"one\"",
        "proxy_enqueue_shared_queue 99999 \"one\"",
        "proxy_dequeue_shared_queue 0 @data",
        "proxy_dequeue_shared_queue 99999 @data",
        "proxy_dequeue_shared_queue -1 @data",
    ]);
    calls.extend(each("proxy_register_shared_queue {} @u32", &BAD_BYTES));
    calls.extend(each("proxy_register_shared_queue \"bad\" {}", &BAD_OUT));
    calls.extend(each("proxy_resolve_shared_queue {} \"q\" @u32", &BAD_BYTES));
    calls.extend(each("proxy_resolve_shared_queue \"\" {} @u32", &BAD_BYTES));
    calls.extend(each("proxy_resolve_shared_queue \"\" \"q\" {}", &BAD_OUT));
    calls.extend(each("proxy_resolve_shared_queue \"\" \"none\" {}", &BAD_OUT));
    calls.extend(each("proxy_enqueue_shared_queue $0 {}", &BAD_BYTES));
    calls.extend(each("proxy_enqueue_shared_queue 99999 {}", &BAD_BYTES));
    calls.push("proxy_resolve_shared_queue \"\" \"bad\" @u32".to_owned());
    calls
}

pub(super) fn metrics() -> Vec<String> {
    let mut calls = lines(&[
        "proxy_define_metric 0 \"probe_counter\" @u32 >0",
        "proxy_define_metric 1 \"probe_gauge\" @u32 >1",
        "proxy_define_metric 2 \"probe_histogram\" @u32 >2",
        "proxy_define_metric 0 \"probe_counter\" @u32",
        "proxy_define_metric 1 \"probe_counter\" @u32",
        "proxy_define_metric 0 \"\" @u32",
        "proxy_define_metric 3 \"probe_other\" @u32",
        "proxy_define_metric -1 \"probe_other\" @u32",
    ]);
    for register in ["$0", "$1", "$2", "0", "1", "2", "3", "99999", "-1"] {
        for offset in ["1", "0", "-1", "5", "9223372036854775807", "-9223372036854775808"] {
            calls.push(format!("proxy_increment_metric {register} {offset}"));
            calls.push(format!("proxy_get_metric {register} @u64"));
        }
        for value in ["0", "3", "-1"] {
            calls.push(format!("proxy_record_metric {register} {value}"));
            calls.push(format!("proxy_get_metric {register} @u64"));
        }
        // The next phase begins with small numbers again.
        calls.push(format!("proxy_record_metric {register} 1"));
    }
    calls.extend(each("proxy_define_metric 0 {} @u32", &BAD_BYTES));
    calls.extend(each("proxy_define_metric 0 \"probe_bad\" {}", &BAD_OUT));
    calls.extend(cross("proxy_get_metric {0} {1}", &["$0", "$1", "$2", "99999"], &BAD_OUT));
    calls
}
