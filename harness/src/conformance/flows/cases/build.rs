//! Makes groups.

use super::super::{Exchange, Flow, Group, Message, Order, Plugin, Reload, Wire};
use crate::stream::FailurePolicy;

/// What is looked at in every flow: which maps and buffers can be reached where.
const LOOK: [&str; 9] = [
    "* request_body proxy_get_buffer_bytes 0 0 -1 @data",
    "* response_body proxy_get_buffer_bytes 1 0 -1 @data",
    "* request_body,request_trailers,response_headers,response_trailers proxy_get_header_map_value 0 \":method\" @data",
    "* request_trailers,response_headers proxy_get_header_map_pairs 1 @data",
    "* response_body,response_trailers,log proxy_get_header_map_value 2 \":status\" @data",
    "* response_trailers,log proxy_get_header_map_value 3 \"x-t\" @data",
    "* log proxy_get_property \"response\\x00code\" @data",
    "* http_call_response proxy_get_header_map_value 6 \":status\" @data",
    "* tick proxy_get_status @u32 @data",
];

/// Bodies in later phases. After the results 2 and 3 they are memory that Envoy has given back (rule BUF-6).
const LOOK_BEHIND: [&str; 2] = [
    "* request_trailers,response_headers,response_body,log proxy_get_buffer_bytes 0 0 -1 @data",
    "* response_trailers,log proxy_get_buffer_bytes 1 0 -1 @data",
];

/// A group in the making.
pub(super) struct Builder {
    group: Group,
    next: usize,
    /// Plugin, the numbers of the exchanges, the line.
    lines: Vec<(usize, String, String)>,
}

impl Builder {
    /// A chain of one plugin.
    pub(super) fn new(name: &str) -> Self {
        let group = Group {
            name: name.to_owned(),
            plugins: vec![Plugin::default()],
            limit: 1 << 20,
            alone: false,
            listener: false,
            patient: false,
            wire: Wire::default(),
            flows: Vec::new(),
        };
        Self { group, next: 1, lines: Vec::new() }
    }

    /// Plugins may hold headers while the body comes.
    pub(super) fn held(mut self) -> Self {
        self.group.plugins.iter_mut().for_each(|plugin| plugin.held = true);
        self
    }

    /// A chain, each plugin in the VM of this number.
    pub(super) fn chain(mut self, vms: &[usize]) -> Self {
        self.group.plugins = vms.iter().map(|vm| Plugin { vm: *vm, ..Plugin::default() }).collect();
        self
    }

    /// What happens after a trap. A VM that is loaded anew gets a process of its own.
    pub(super) fn policy(mut self, policy: FailurePolicy) -> Self {
        self.group.plugins.iter_mut().for_each(|plugin| plugin.policy = policy);
        self.group.alone = policy == FailurePolicy::Reload;
        self
    }

    /// Plugins change because the listener does.
    pub(super) const fn listener(mut self) -> Self {
        self.group.listener = true;
        self.group.alone = true;
        self
    }

    /// A VM is loaded anew only after a long time.
    pub(super) const fn patient(mut self) -> Self {
        self.group.patient = true;
        self
    }

    /// The most bytes that are buffered of a message.
    pub(super) const fn limit(mut self, limit: u32) -> Self {
        self.group.limit = limit;
        self
    }

    /// Adds a flow, whose name is the group's with this behind it.
    pub(super) fn flow(&mut self, name: &str, make: impl FnOnce(&mut FlowBuilder<'_>)) {
        let name = format!("{}/{name}", self.group.name);
        let flow = Flow { name, exchanges: Vec::new(), order: Order::After, reload: None };
        let mut maker = FlowBuilder { builder: self, flow, lines: Vec::new() };
        make(&mut maker);
        let FlowBuilder { flow, lines, .. } = maker;
        let all = flow.exchanges.iter().map(|exchange| exchange.number.to_string()).collect::<Vec<_>>().join(",");
        for (plugin, number, line) in lines {
            // A stream has no number while it is created.
            if line.starts_with("create_stream") {
                self.lines.push((plugin, "0".to_owned(), line));
                continue;
            }
            let is_root = line.starts_with("tick") || line.starts_with("http_call_response");
            self.lines.push((plugin, if is_root { all.clone() } else { number.to_string() }, line));
        }
        self.group.flows.push(flow);
    }

    /// Clients speak HTTP/2.
    pub(super) fn http2(mut self) -> Self {
        self.group.wire = Wire::Http2;
        self
    }

    pub(super) fn build(mut self) -> Group {
        // A piece that was kept by watermark, or dropped, is not there any more.
        let is_gone = |line: &(usize, String, String)| {
            let mut words = line.2.split(' ');
            words.next().is_some_and(|phases| phases.contains("_body"))
                && words.next() == Some("return")
                && words.next().is_some_and(|word| !matches!(word, "0" | "1"))
        };
        let gone = self.lines.iter().any(is_gone);
        for plugin in &mut self.group.plugins {
            plugin.program = LOOK.map(str::to_owned).to_vec();
            if !gone {
                plugin.program.extend(LOOK_BEHIND.map(str::to_owned));
            }
        }
        for (plugin, numbers, line) in self.lines {
            if let Some(plugin) = self.group.plugins.get_mut(plugin) {
                plugin.program.push(format!("{numbers} {line}"));
            }
        }
        self.group
    }
}

/// A flow in the making.
pub(super) struct FlowBuilder<'b> {
    builder: &'b mut Builder,
    flow: Flow,
    lines: Vec<(usize, usize, String)>,
}

impl FlowBuilder<'_> {
    /// The next exchange; lines from here on are about it.
    pub(super) fn exchange(&mut self, (request, response): (Message, Message)) -> &mut Self {
        let number = self.builder.next;
        self.builder.next += 1;
        let (early, later, aborted) = (false, false, false);
        let (held, stalled) = (None, None);
        self.flow.exchanges.push(Exchange { number, request, response, early, later, held, stalled, aborted });
        self
    }

    /// The upstream answers when it has seen the request's headers.
    pub(super) fn early(&mut self) -> &mut Self {
        self.flow.exchanges.iter_mut().for_each(|exchange| exchange.early = true);
        self
    }

    /// The exchange begins when a VM may be loaded anew.
    pub(super) fn later(&mut self) -> &mut Self {
        self.flow.exchanges.iter_mut().for_each(|exchange| exchange.later = true);
        self
    }

    /// The next exchange begins while this one waits.
    pub(super) const fn together(&mut self) -> &mut Self {
        self.flow.order = Order::Beside;
        self
    }

    /// All exchanges begin at once, and their pieces come in turn.
    pub(super) const fn interleaved(&mut self) -> &mut Self {
        self.flow.order = Order::Interleaved;
        self
    }

    /// The first plugin gets a new configuration while the first exchange waits.
    pub(super) const fn reload(&mut self, reload: Reload) -> &mut Self {
        self.flow.reload = Some(reload);
        self
    }

    /// Of this exchange's request so many parts are sent, and no more; or the rest after the reload.
    pub(super) fn held(&mut self, parts: usize) -> &mut Self {
        self.last(|exchange| exchange.held = Some(parts))
    }

    /// Of this exchange's response so many parts are sent, and no more.
    pub(super) fn stalled(&mut self, parts: usize) -> &mut Self {
        self.last(|exchange| exchange.stalled = Some(parts))
    }

    /// This exchange's client goes when nothing happens any more.
    pub(super) fn aborted(&mut self) -> &mut Self {
        self.last(|exchange| exchange.aborted = true)
    }

    fn last(&mut self, change: impl FnOnce(&mut Exchange)) -> &mut Self {
        if let Some(exchange) = self.flow.exchanges.last_mut() {
            change(exchange);
        }
        self
    }

    /// A line for the first plugin: phases, call, arguments.
    pub(super) fn line(&mut self, line: &str) -> &mut Self {
        self.line_of(0, line)
    }

    /// A line for a plugin.
    pub(super) fn line_of(&mut self, plugin: usize, line: &str) -> &mut Self {
        let number = self.builder.next.saturating_sub(1);
        self.lines.push((plugin, number, line.to_owned()));
        self
    }
}
