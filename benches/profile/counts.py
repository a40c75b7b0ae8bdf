"""What counting daemons counted, as the text that every llvm-profdata reads: counts.py TEXT RAW...
The raw format changes with the compiler's LLVM, and Debian's llvm-profdata is older than that; this reads version 10 (LLVM 20 to 22)."""
import hashlib
import struct
import sys
import zlib

MAGIC, VERSION = 0xFF6C70726F667281, 10
# Magic and version, then 14 sizes and offsets; one record of 64 octets for each function.
SIZES = struct.Struct("<14Q")
FUNCTION, RECORD = struct.Struct("<6QI"), 64


def number(data, at):
    """LEB128."""
    value = shift = 0
    while True:
        octet = data[at]
        at, value, shift = at + 1, value | (octet & 127) << shift, shift + 7
        if octet < 128:
            return value, at


def names(data, at, end):
    """Function names by the hash that stands for them: blocks of names, often compressed."""
    found = {}
    while at < end:
        plain, at = number(data, at)
        packed, at = number(data, at)
        text = zlib.decompress(data[at:at + packed]) if packed else data[at:at + plain]
        at += packed or plain
        found.update((int.from_bytes(hashlib.md5(name).digest()[:8], "little"), name) for name in text.split(b"\x01"))
        while at < end and not data[at]:
            at += 1
    return found


def read(path):
    """(name, hash of its flow) -> counts of its blocks."""
    data = open(path, "rb").read()
    magic, version = struct.unpack_from("<QQ", data)
    if magic != MAGIC or version & 0xFFFFFFFF != VERSION:
        sys.exit(f"{path}: not a raw profile of version {VERSION}; use the llvm-profdata that belongs to the compiler (rustup component add llvm-tools)")
    build_ids, functions, gap, counters, counters_gap, bitmap, bitmap_gap, names_size, delta, *_ = SIZES.unpack_from(data, 16)
    first = 16 + SIZES.size + build_ids
    counts_at = first + functions * RECORD + gap
    names_at = counts_at + counters * 8 + counters_gap + bitmap + bitmap_gap
    known = names(data, names_at, names_at + names_size)
    found = {}
    for at in range(first, first + functions * RECORD, RECORD):
        name, flow, place, _, _, _, count = FUNCTION.unpack_from(data, at)
        # Where its counters are, told from where the record itself is.
        offset = (place - delta + at - first) & 0xFFFFFFFFFFFFFFFF
        if name in known and offset + 8 * count <= counters * 8:
            found[known[name], flow] = struct.unpack_from(f"<{count}Q", data, counts_at + offset)
    return found


def main(out, *paths):
    total = {}
    for path in paths:
        for key, counts in read(path).items():
            total[key] = [one + other for one, other in zip(total.get(key, [0] * len(counts)), counts)]
    with open(out, "wb") as text:
        text.write(b":ir\n")
        for (name, flow), counts in sorted(total.items()):
            text.write(b"\n".join([name, b"%d" % flow, b"%d" % len(counts), *(b"%d" % count for count in counts), b"\n"]))
    ran = sum(any(counts) for counts in total.values())
    print(f"{len(total)} functions, of which {ran} ran")


if __name__ == "__main__":
    main(*sys.argv[1:])
