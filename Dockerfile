# syntax=docker/dockerfile:1
# Two stages: a builder with the Rust toolchain and a C compiler, and an image that holds one static binary and the CA
# bundle: no shell, no package manager, no C library.
#   docker build -t trunkline .
#   docker run --network host --read-only --cap-drop ALL -v /etc/trunkline:/etc/trunkline:ro -v trunkline-state:/var/lib/trunkline trunkline
FROM rust:1-bookworm AS build
WORKDIR /src
# The C library goes into the binary. It asks no name service switch: names are looked up by the daemon itself.
ENV RUSTFLAGS="-C target-feature=+crt-static"
ARG TARGET=x86_64-unknown-linux-gnu
# Dependencies first, in a layer that only Cargo.toml and Cargo.lock can spoil.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY benches/profile/rustc benches/profile/
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
 && cargo build --release --locked --no-default-features --target "$TARGET" \
 && rm -rf src
COPY src src
COPY config config
# By what the daemon is laid out: benches/profile/README.md.
COPY benches/profile/calls.profdata benches/profile/
# The lab (emulated peers for `trunkline demo` and `trunkline lab`) stays out of a production image: `--build-arg FEATURES=lab` brings it in.
ARG FEATURES=""
RUN touch src/lib.rs src/main.rs \
 && cargo build --release --locked --no-default-features --features "$FEATURES" --target "$TARGET" \
 && install -D -m 0755 "target/$TARGET/release/trunkline" /out/usr/bin/trunkline \
 && strip --strip-debug /out/usr/bin/trunkline \
 && install -D -m 0644 config/minimal.toml /out/usr/share/trunkline/minimal.toml \
 && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt \
 && install -d -m 0700 -o 65532 -g 65532 /out/var/lib/trunkline \
 && install -d -m 0755 /out/etc/trunkline

FROM scratch
COPY --from=build /out/usr /usr
COPY --from=build /out/etc /etc
COPY --from=build --chown=65532:65532 /out/var/lib/trunkline /var/lib/trunkline
# Nobody with a name: the image has no list of users.
USER 65532:65532
# SIP over TLS, SIP over UDP and TCP, metrics and health. RTP: the ranges named by `rtp_ports` of each network
# (10000-18999/udp in the examples); thousands of published ports are slow, so give the container the host's network.
EXPOSE 5061/tcp 5060/udp 5060/tcp 9464/tcp
VOLUME ["/var/lib/trunkline"]
# TERM drains: new calls are refused, running ones go on for node.drain_s; let the engine wait longer than that (`docker stop -t 75`).
STOPSIGNAL SIGTERM
# There is no shell and no curl; the binary asks the running daemon over its control socket.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/bin/trunkline", "ctl", "health"]
ENTRYPOINT ["/usr/bin/trunkline"]
CMD ["run", "--config", "/etc/trunkline/trunkline.toml"]
