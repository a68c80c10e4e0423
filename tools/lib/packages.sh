# Installs the Debian packages that are missing, saying so; an ordinary user is given the line to run instead.
# Sourced by tools/quickstart and tools/test.

require_packages() { # PACKAGE…
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        printf 'missing packages; run: sudo apt-get install -y %s\n' "${missing[*]}" >&2
        exit 1
    fi
    printf 'installing: %s\n' "${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
