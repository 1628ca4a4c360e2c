//! The kinds of filters, each a trait.

use proc_macro2::TokenStream;
use quote::quote;

/// What an impl block implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `tamis::Filter`
    Http,
    /// `tamis::TcpFilter`
    Tcp,
}

impl Kind {
    /// The kind whose trait this is.
    pub(crate) fn of_trait(name: &str) -> Option<Self> {
        match name {
            "Filter" => Some(Self::Http),
            "TcpFilter" => Some(Self::Tcp),
            _ => None,
        }
    }

    /// The trait's path.
    pub(crate) fn of(self) -> TokenStream {
        match self {
            Self::Http => quote!(::tamis::Filter),
            Self::Tcp => quote!(::tamis::TcpFilter),
        }
    }

    /// Its name in `tamis::runtime::Kind`.
    pub(crate) fn name(self) -> TokenStream {
        match self {
            Self::Http => quote!(Http),
            Self::Tcp => quote!(Tcp),
        }
    }

    /// The trait's methods that are phases, each with the name that a module's description has for it.
    pub(crate) const fn phases(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Http => &[
                ("request_headers", "request_headers"),
                ("request_body", "request_body"),
                ("request_trailers", "request_trailers"),
                ("response_headers", "response_headers"),
                ("response_body", "response_body"),
                ("response_trailers", "response_trailers"),
                ("log", "log"),
                ("tick", "tick"),
                ("queue_ready", "queue_ready"),
                ("shutdown", "done"),
            ],
            Self::Tcp => &[
                ("connection", "new_connection"),
                ("downstream_data", "downstream_data"),
                ("downstream_close", "downstream_close"),
                ("upstream_data", "upstream_data"),
                ("upstream_close", "upstream_close"),
                ("log", "log"),
                ("tick", "tick"),
                ("queue_ready", "queue_ready"),
                ("shutdown", "done"),
            ],
        }
    }

    /// The phase that directly follows a stream's creation.
    pub(crate) const fn first_phase(self) -> &'static str {
        match self {
            Self::Http => "request_headers",
            Self::Tcp => "new_connection",
        }
    }
}
