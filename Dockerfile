# syntax=docker/dockerfile:1
# Two stages: a builder with the Rust toolchain and a C compiler, and a small image that holds the binary and runs as nobody.
#   docker build -t trunkline .
#   docker run --network host -v /etc/trunkline:/etc/trunkline:ro -v trunkline-state:/var/lib/trunkline trunkline
FROM rust:1-bookworm AS build
WORKDIR /src
# Dependencies first, in a layer that only Cargo.toml and Cargo.lock can spoil.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
 && cargo build --release --locked --no-default-features \
 && rm -rf src
COPY src src
COPY config config
# The lab (emulated peers for `trunkline demo`) stays out of a production image: `--build-arg FEATURES=lab` brings it in.
ARG FEATURES=""
RUN touch src/lib.rs src/main.rs \
 && cargo build --release --locked --no-default-features --features "$FEATURES" \
 && install -D -m 0755 target/release/trunkline /out/usr/bin/trunkline \
 && install -D -m 0644 config/minimal.toml /out/usr/share/trunkline/minimal.toml \
 && install -d -m 0700 -o 65532 -g 65532 /out/var/lib/trunkline \
 && install -d -m 0755 /out/etc/trunkline

# The C library and the CA bundle; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build --chown=65532:65532 /out/var/lib/trunkline /var/lib/trunkline
COPY --from=build /out/usr /usr
COPY --from=build /out/etc/trunkline /etc/trunkline
USER 65532:65532
# SIP over TLS, SIP over UDP and TCP, metrics and health. RTP: the ranges named by `rtp_ports` of each network
# (10000-18999/udp in the examples); thousands of published ports are slow, so give the container the host's network.
EXPOSE 5061/tcp 5060/udp 5060/tcp 9464/tcp
VOLUME ["/var/lib/trunkline"]
# TERM drains: new calls are refused, running ones go on for node.drain_s; let the engine wait longer than that (`docker stop -t 75`).
STOPSIGNAL SIGTERM
# There is no shell and no curl; the binary checks its own configuration. Liveness over HTTP is /healthz on metrics.bind.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/bin/trunkline", "check", "--config", "/etc/trunkline/trunkline.toml"]
ENTRYPOINT ["/usr/bin/trunkline"]
CMD ["run", "--config", "/etc/trunkline/trunkline.toml"]
