//! Two functions that libFuzzer looks for to print what was covered (`-print_coverage`, `-print_funcs`). A sanitizer would
//! bring them; none is linked here.

use std::ffi::{CStr, c_char, c_int, c_void};

/// The function at `pc`, its file and line, as `%p` or `%F %L` of the sanitizers would say it.
///
/// # Safety
/// libFuzzer hands in a format that ends with NUL and a buffer of `size` octets.
#[unsafe(no_mangle)]
unsafe extern "C" fn __sanitizer_symbolize_pc(pc: *mut c_void, format: *const c_char, out: *mut c_char, size: usize) {
    // SAFETY: see above.
    let format = unsafe { CStr::from_ptr(format) }.to_string_lossy().into_owned();
    let (mut name, mut place) = (String::from("?"), String::from("?"));
    backtrace::resolve(pc, |symbol| {
        if let Some(found) = symbol.name() {
            name = format!("{found:#}");
        }
        if let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) {
            place = format!("{}:{line}", file.display());
        }
    });
    let (file, line) = place.rsplit_once(':').unwrap_or((&place, "0"));
    let text = match format.as_str() {
        "%s" => file.to_owned(),
        "%l" => line.to_owned(),
        "%F" => format!("in {name}"),
        "%L" => place.clone(),
        _ => format.replace("%p", &format!("{pc:p}")).replace("%F", &format!("in {name}")).replace("%L", &place),
    };
    let length = text.len().min(size.saturating_sub(1));
    // SAFETY: `length` octets and a NUL fit; see above.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), out, length);
        out.add(length).write(0);
    }
}

/// There is one module: this program.
///
/// # Safety
/// libFuzzer hands in a buffer of `size` octets and room for one pointer.
#[unsafe(no_mangle)]
unsafe extern "C" fn __sanitizer_get_module_and_offset_for_pc(
    pc: *mut c_void,
    module: *mut c_char,
    size: usize,
    offset: *mut *mut c_void,
) -> c_int {
    if size == 0 {
        return 0;
    }
    // SAFETY: see above.
    unsafe {
        module.write(0);
        offset.write(pc);
    }
    1
}
