//! What only ABI 0.1.0 has (rules `ABI-2`, `LIFE-14`).

use wasmtime::{Linker, Result};

use super::{DENIED, Guest, give};
use crate::abi::{HostCalls, Status, VmState};
use crate::context::Action;
use crate::cost::HostCall::{Returning, Scalar};

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap("env", "proxy_get_configuration", |mut c: Guest<'_>, at: u32, size: u32| -> Result<u32> {
        if c.enter("proxy_get_configuration", Returning)? {
            return DENIED;
        }
        let configuration = c.data().context.old_configuration();
        give(&mut c, Ok(configuration), at, size)
    })?;
    linker.func_wrap("env", "proxy_continue_request", |mut c: Guest<'_>| -> Result<u32> {
        if c.enter("proxy_continue_request", Scalar)? {
            return DENIED;
        }
        let context = &mut c.data_mut().context;
        context.forget_request();
        context.defer(Action::ContinueRequest);
        Ok(Status::Ok.word())
    })?;
    linker.func_wrap("env", "proxy_continue_response", |mut c: Guest<'_>| -> Result<u32> {
        if c.enter("proxy_continue_response", Scalar)? {
            return DENIED;
        }
        let context = &mut c.data_mut().context;
        context.forget_request();
        context.defer(Action::ContinueResponse);
        Ok(Status::Ok.word())
    })?;
    // There are no routes here that could be chosen anew.
    linker.func_wrap("env", "proxy_clear_route_cache", |mut c: Guest<'_>| -> Result<u32> {
        if c.enter("proxy_clear_route_cache", Scalar)? {
            return DENIED;
        }
        Ok(Status::Ok.word())
    })?;
    Ok(())
}
