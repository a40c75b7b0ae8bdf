# What the scripts of this folder need: peers from Debian, and the binary to judge. Read with `.`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

install_absent() { # each: Debian package : the command or file that shows it is there
  local entry absent=() policy=/usr/sbin/policy-rc.d made_policy=
  for entry in "$@"; do
    compgen -G "${entry#*:}" >/dev/null || absent+=("${entry%%:*}")
  done
  [ ${#absent[@]} -gt 0 ] || return 0
  echo "installing: ${absent[*]}"
  # Installed services must not start: the scripts run their own.
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    made_policy=yes
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq -o Acquire::Retries=3 update
  apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${absent[@]}" >/dev/null
  [ -z "$made_policy" ] || rm -f $policy
}

find_binary() { # $TRUNKLINE_BIN, else the release build, built anew
  if [ -z "${TRUNKLINE_BIN:-}" ]; then
    TRUNKLINE_BIN=$root/target/release/trunkline
    (cd "$root" && cargo build --release --locked)
  fi
  [ -x "$TRUNKLINE_BIN" ] || { echo "no binary at $TRUNKLINE_BIN"; exit 1; }
  TRUNKLINE_BIN=$(realpath "$TRUNKLINE_BIN")
  export TRUNKLINE_BIN
}
