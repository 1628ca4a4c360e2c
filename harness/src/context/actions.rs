//! What a guest asked for during a call, to be done when it returns (rule `LIFE-12`).

/// A deferred action; the number is the context that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `proxy_continue_stream` of the request.
    ContinueRequest(u32),
    /// `proxy_continue_stream` of the response.
    ContinueResponse(u32),
    /// `proxy_close_stream`.
    Close(u32),
    /// `proxy_continue_stream` of a connection's bytes from the client.
    ContinueConnection(u32),
    /// `proxy_close_stream` of a connection.
    CloseConnection(u32),
    /// `proxy_send_local_response`.
    Reply(u32, LocalReply),
}

impl Action {
    /// The context that it is about.
    #[must_use]
    pub fn context(&self) -> u32 {
        match self {
            Self::ContinueRequest(id)
            | Self::ContinueResponse(id)
            | Self::Close(id)
            | Self::ContinueConnection(id)
            | Self::CloseConnection(id)
            | Self::Reply(id, _) => *id,
        }
    }
}

/// A response that the proxy makes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalReply {
    /// The HTTP status.
    pub status: u32,
    /// Response code details, with white space replaced (rule `LR-2`).
    pub details: String,
    /// Headers to add.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// The gRPC status, where one was given (rule `LR-3`).
    pub grpc_status: Option<u32>,
}

impl LocalReply {
    /// What a stream gets whose VM has died (rule `FAIL-3`).
    #[must_use]
    pub fn failed_stream() -> Self {
        Self {
            status: 503,
            details: "wasm_fail_stream".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            grpc_status: Some(14),
        }
    }
}
