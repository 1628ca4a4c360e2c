//! The host functions of module `env`.
//!
//! Each reads its arguments, asks the context, writes its results: nothing else. gRPC and foreign functions
//! are linked, so that any module loads; this host has none of them yet, and says so by status word.

use wasmtime::{Caller, Linker, Result};

use super::{HostCalls, Status, VmState};
use crate::context::{Action, CalloutArguments, LocalReply};
use crate::cost::HostCall::{Returning, Scalar, Writing};

type Guest<'a> = Caller<'a, VmState>;

/// What a plugin gets that may not call a function (rule `CAP-1`).
const DENIED: Result<u32> = Ok(Status::InternalFailure as u32);

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    link_basics(linker)?;
    link_headers(linker)?;
    link_buffers(linker)?;
    link_properties(linker)?;
    link_shared(linker)?;
    link_metrics(linker)?;
    link_streams(linker)?;
    link_callouts(linker)?;
    link_absent(linker)
}

fn link_basics(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", |mut c: Guest<'_>, level: u32, at: u32, size: u32| -> Result<u32> {
        if c.enter("proxy_log", Writing)? {
            return DENIED;
        }
        Ok(word(c.read(at, size).and_then(|(message, context)| context.log(level, message))))
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |mut c: Guest<'_>, out: u32| -> Result<u32> {
        if c.enter("proxy_get_log_level", Scalar)? {
            return DENIED;
        }
        let level = c.data().context.process().log_level() as u32;
        Ok(word(c.write(out, &level.to_le_bytes())))
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut c: Guest<'_>, out: u32| -> Result<u32> {
        if c.enter("proxy_get_current_time_nanoseconds", Scalar)? {
            return DENIED;
        }
        let now = c.data().context.process().clock().wall_nanoseconds();
        Ok(word(c.write(out, &now.to_le_bytes())))
    })?;
    linker.func_wrap("env", "proxy_get_status", |mut c: Guest<'_>, code: u32, at: u32, size: u32| -> Result<u32> {
        if c.enter("proxy_get_status", Returning)? {
            return DENIED;
        }
        let (status, message) = c.data().context.status();
        if let Err(status) = c.write(code, &status.to_le_bytes()) {
            return Ok(status.word());
        }
        give(&mut c, Ok(message.into()), at, size)
    })?;
    linker.func_wrap("env", "proxy_set_effective_context", |mut c: Guest<'_>, id: u32| -> Result<u32> {
        if c.enter("proxy_set_effective_context", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.set_effective(id)))
    })?;
    linker.func_wrap("env", "pthread_equal", |a: u32, b: u32| -> u32 { u32::from(a == b) })?;
    linker.func_wrap("env", "emscripten_notify_memory_growth", |_: u32| {})?;
    Ok(())
}

fn link_headers(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_header_map_value", Returning)? {
                return DENIED;
            }
            let value = c.read(key, key_size).and_then(|(key, context)| context.header_value(map, key));
            give(&mut c, value, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut c: Guest<'_>, map: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_header_map_pairs", Returning)? {
                return DENIED;
            }
            let pairs = c.data().context.header_pairs(map);
            give(&mut c, pairs, at, size)
        },
    )?;
    linker.func_wrap("env", "proxy_get_header_map_size", |mut c: Guest<'_>, map: u32, out: u32| -> Result<u32> {
        if c.enter("proxy_get_header_map_size", Scalar)? {
            return DENIED;
        }
        let size = c.data().context.header_size(map);
        Ok(word(size.and_then(|size| c.write(out, &size.to_le_bytes()))))
    })?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32, value: u32, value_size: u32| -> Result<u32> {
            if c.enter("proxy_add_header_map_value", Writing)? {
                return DENIED;
            }
            let read = c.read2((key, key_size), (value, value_size));
            Ok(word(read.and_then(|(key, value, context)| context.add_header(map, key, value))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32, value: u32, value_size: u32| -> Result<u32> {
            if c.enter("proxy_replace_header_map_value", Writing)? {
                return DENIED;
            }
            let read = c.read2((key, key_size), (value, value_size));
            Ok(word(read.and_then(|(key, value, context)| context.set_header(map, key, value))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32| -> Result<u32> {
            if c.enter("proxy_remove_header_map_value", Writing)? {
                return DENIED;
            }
            Ok(word(c.read(key, key_size).and_then(|(key, context)| context.remove_header(map, key))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |mut c: Guest<'_>, map: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_set_header_map_pairs", Writing)? {
                return DENIED;
            }
            Ok(word(c.read(at, size).and_then(|(pairs, context)| context.set_header_pairs(map, pairs))))
        },
    )?;
    Ok(())
}

fn link_buffers(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut c: Guest<'_>, buffer: u32, start: u32, max: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_buffer_bytes", Returning)? {
                return DENIED;
            }
            let bytes = c.data().context.buffer(buffer, start, max);
            give(&mut c, bytes, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_status",
        |mut c: Guest<'_>, buffer: u32, length: u32, flags: u32| -> Result<u32> {
            if c.enter("proxy_get_buffer_status", Scalar)? {
                return DENIED;
            }
            let result = c.data().context.buffer_length(buffer);
            let result = result.and_then(|bytes| c.write(length, &bytes.to_le_bytes()));
            Ok(word(result.and_then(|()| c.write(flags, &0_u32.to_le_bytes()))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |mut c: Guest<'_>, buffer: u32, start: u32, length: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_set_buffer_bytes", Writing)? {
                return DENIED;
            }
            Ok(word(c.read(at, size).and_then(|(new, context)| context.set_buffer(buffer, start, length, new))))
        },
    )?;
    Ok(())
}

fn link_properties(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut c: Guest<'_>, path: u32, path_size: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_property", Returning)? {
                return DENIED;
            }
            let value = c.read(path, path_size).and_then(|(path, context)| context.property(path));
            give(&mut c, value, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut c: Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32| -> Result<u32> {
            if c.enter("proxy_set_property", Writing)? {
                return DENIED;
            }
            let read = c.read2((path, path_size), (value, value_size));
            Ok(word(read.and_then(|(path, value, context)| context.set_property(path, value))))
        },
    )?;
    Ok(())
}

fn link_shared(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut c: Guest<'_>, key: u32, key_size: u32, at: u32, size: u32, cas: u32| -> Result<u32> {
            if c.enter("proxy_get_shared_data", Returning)? {
                return DENIED;
            }
            match c.read(key, key_size).and_then(|(key, context)| context.shared_data(key)) {
                Ok((value, version)) => {
                    let status = c.give(&value, at, size)?;
                    let written = if status == Status::Ok { c.write(cas, &version.to_le_bytes()) } else { Err(status) };
                    Ok(word(written))
                }
                Err(status) => Ok(status.word()),
            }
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut c: Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32| -> Result<u32> {
            if c.enter("proxy_set_shared_data", Writing)? {
                return DENIED;
            }
            let read = c.read2((key, key_size), (value, value_size));
            Ok(word(read.and_then(|(key, value, context)| context.set_shared_data(key, value, cas))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |mut c: Guest<'_>, name: u32, name_size: u32, out: u32| -> Result<u32> {
            if c.enter("proxy_register_shared_queue", Writing)? {
                return DENIED;
            }
            let token = c.read(name, name_size).and_then(|(name, context)| context.register_queue(name));
            Ok(word(token.and_then(|token| c.write(out, &token.to_le_bytes()))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |mut c: Guest<'_>, vm: u32, vm_size: u32, name: u32, name_size: u32, out: u32| -> Result<u32> {
            if c.enter("proxy_resolve_shared_queue", Writing)? {
                return DENIED;
            }
            let read = c.read2((vm, vm_size), (name, name_size));
            let token = read.and_then(|(vm, name, context)| context.resolve_queue(vm, name));
            Ok(word(token.and_then(|token| c.write(out, &token.to_le_bytes()))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |mut c: Guest<'_>, token: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_enqueue_shared_queue", Writing)? {
                return DENIED;
            }
            Ok(word(c.read(at, size).and_then(|(value, context)| context.enqueue(token, value))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |mut c: Guest<'_>, token: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_dequeue_shared_queue", Returning)? {
                return DENIED;
            }
            let value = c.data().context.dequeue(token);
            give(&mut c, value, at, size)
        },
    )?;
    Ok(())
}

fn link_metrics(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut c: Guest<'_>, kind: u32, name: u32, name_size: u32, out: u32| -> Result<u32> {
            if c.enter("proxy_define_metric", Writing)? {
                return DENIED;
            }
            let id = c.read(name, name_size).and_then(|(name, context)| context.define_metric(kind, name));
            Ok(word(id.and_then(|id| c.write(out, &id.to_le_bytes()))))
        },
    )?;
    linker.func_wrap("env", "proxy_increment_metric", |mut c: Guest<'_>, id: u32, offset: i64| -> Result<u32> {
        if c.enter("proxy_increment_metric", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.increment_metric(id, offset)))
    })?;
    linker.func_wrap("env", "proxy_record_metric", |mut c: Guest<'_>, id: u32, value: u64| -> Result<u32> {
        if c.enter("proxy_record_metric", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.record_metric(id, value)))
    })?;
    linker.func_wrap("env", "proxy_get_metric", |mut c: Guest<'_>, id: u32, out: u32| -> Result<u32> {
        if c.enter("proxy_get_metric", Scalar)? {
            return DENIED;
        }
        let value = c.data().context.metric(id);
        Ok(word(value.and_then(|value| c.write(out, &value.to_le_bytes()))))
    })?;
    Ok(())
}

fn link_streams(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut c: Guest<'_>,
         http_status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: u32|
         -> Result<u32> {
            if c.enter("proxy_send_local_response", Writing)? {
                return DENIED;
            }
            let headers = match c.read(headers, headers_size) {
                Ok((wire, _)) => crate::context::decode_pairs(wire),
                Err(status) => return Ok(status.word()),
            };
            let read = c.read2((details, details_size), (body, body_size));
            Ok(word(read.map(|(details, body, context)| {
                let reply = LocalReply {
                    status: http_status,
                    details: String::from_utf8_lossy(details).replace(|c: char| c.is_ascii_whitespace(), "_"),
                    headers,
                    body: body.to_vec(),
                    grpc_status: (grpc_status <= 16).then_some(grpc_status),
                };
                context.defer(|stream| Action::Reply(stream, reply));
            })))
        },
    )?;
    // Downstream (2) resumes a TCP connection, upstream (3) is not to be had (rule LR-11).
    linker.func_wrap("env", "proxy_continue_stream", |mut c: Guest<'_>, kind: u32| -> Result<u32> {
        if c.enter("proxy_continue_stream", Scalar)? {
            return DENIED;
        }
        let context = &mut c.data_mut().context;
        match kind {
            0 => context.defer(Action::ContinueRequest),
            1 => context.defer(Action::ContinueResponse),
            2 => {}
            3 => return Ok(Status::Unimplemented.word()),
            _ => return Ok(Status::BadArgument.word()),
        }
        Ok(Status::Ok.word())
    })?;
    linker.func_wrap("env", "proxy_close_stream", |mut c: Guest<'_>, kind: u32| -> Result<u32> {
        if c.enter("proxy_close_stream", Scalar)? {
            return DENIED;
        }
        Ok(match kind {
            0..=3 => {
                c.data_mut().context.defer(Action::Close);
                Status::Ok.word()
            }
            _ => Status::BadArgument.word(),
        })
    })?;
    linker.func_wrap("env", "proxy_done", |mut c: Guest<'_>| -> Result<u32> {
        if c.enter("proxy_done", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.done()))
    })?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |mut c: Guest<'_>, period: u32| -> Result<u32> {
        if c.enter("proxy_set_tick_period_milliseconds", Scalar)? {
            return DENIED;
        }
        c.data_mut().context.set_tick(period);
        Ok(Status::Ok.word())
    })?;
    Ok(())
}

fn link_callouts(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut c: Guest<'_>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout_milliseconds: u32,
         out: u32|
         -> Result<u32> {
            if c.enter("proxy_http_call", Writing)? {
                return DENIED;
            }
            let copied = c.read2((cluster, cluster_size), (trailers, trailers_size));
            let cluster = match copied {
                Ok((cluster, _trailers_are_not_sent, _)) => cluster.to_vec(),
                Err(status) => return Ok(status.word()),
            };
            let token = c.read2((headers, headers_size), (body, body_size)).and_then(|(headers, body, context)| {
                context.http_call(&CalloutArguments { cluster: &cluster, headers, body, timeout_milliseconds })
            });
            Ok(word(token.and_then(|token| c.write(out, &token.to_le_bytes()))))
        },
    )?;
    Ok(())
}

/// What this host cannot do yet.
fn link_absent(linker: &mut Linker<VmState>) -> Result<()> {
    const ABSENT: u32 = Status::Unimplemented as u32;
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |mut c: Guest<'_>,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32|
         -> Result<u32> {
            if c.enter("proxy_grpc_call", Writing)? {
                return DENIED;
            }
            Ok(ABSENT)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |mut c: Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| -> Result<u32> {
            if c.enter("proxy_grpc_stream", Writing)? {
                return DENIED;
            }
            Ok(ABSENT)
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_send", |mut c: Guest<'_>, _: u32, _: u32, _: u32, _: u32| -> Result<u32> {
        if c.enter("proxy_grpc_send", Writing)? {
            return DENIED;
        }
        Ok(ABSENT)
    })?;
    for name in ["proxy_grpc_close", "proxy_grpc_cancel"] {
        linker.func_wrap("env", name, move |mut c: Guest<'_>, _: u32| -> Result<u32> {
            if c.enter(name, Scalar)? {
                return DENIED;
            }
            Ok(ABSENT)
        })?;
    }
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut c: Guest<'_>, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| -> Result<u32> {
            if c.enter("proxy_call_foreign_function", Returning)? {
                return DENIED;
            }
            Ok(Status::NotFound.word())
        },
    )?;
    linker.func_wrap("env", "envoy_resolve_dns", |mut c: Guest<'_>, _: u32, _: u32, _: u32| -> Result<u32> {
        if c.enter("envoy_resolve_dns", Writing)? {
            return DENIED;
        }
        Ok(ABSENT)
    })?;
    Ok(())
}

fn word(result: std::result::Result<(), Status>) -> u32 {
    result.err().unwrap_or(Status::Ok).word()
}

fn give(c: &mut Guest<'_>, value: std::result::Result<Vec<u8>, Status>, at: u32, size: u32) -> Result<u32> {
    Ok(match value {
        Ok(bytes) => c.give(&bytes, at, size)?.word(),
        Err(status) => status.word(),
    })
}
