# SPDX-License-Identifier: MIT
# A stock Linux kernel for guests: the package that this release's linux-image-amd64 stands for, unpacked and not
# installed. Needs say.sh, packages.sh and qemu.sh (CACHE).
#
# The cache holds linux-RELEASE-VERSION/: vmlinuz, and lib/modules with what depmod makes of them.

LINUX_PACKAGES="cpio kmod"

# unpack_linux DIR: the kernel in DIR/tree, and its version in DIR/version.
unpack_linux() {
    local dir=$1 package
    package=$(apt-cache show --no-all-versions linux-image-amd64 | sed -n 's/^Depends:.*\(linux-image-[0-9][^ ,]*\).*/\1/p')
    [ -n "$package" ] || { echo "apt knows no kernel package behind linux-image-amd64" >&2; return 1; }
    echo "    $package" >&3
    (cd "$dir" && apt-get -q -o APT::Sandbox::User=root download "$package") || return
    dpkg-deb -f "$dir"/linux-image-*.deb Version >"$dir/version" && dpkg-deb -x "$dir"/linux-image-*.deb "$dir/package" &&
        mkdir -p "$dir/tree/usr/lib" && mv "$dir"/package/boot/vmlinuz-* "$dir/tree/vmlinuz" || return
    # Debian 12 has its modules in /lib, Debian 13 in /usr/lib, and each one's depmod looks where they are.
    ln -s usr/lib "$dir/tree/lib" &&
        mv "$(find "$dir/package" -path '*/lib/modules' -prune)" "$dir/tree/usr/lib/" || return
    PATH=$PATH:/usr/sbin:/sbin depmod -b "$dir/tree" "$(ls "$dir/tree/lib/modules")"
}

cached_linux() {
    find "$CACHE" -maxdepth 1 -name "linux-$RELEASE-*" 2>/dev/null | sort -V | tail -n 1
}

# prepare_linux: sets LINUX_TREE to the cached kernel, or to one fetched now.
prepare_linux() {
    LINUX_TREE=$(cached_linux)
    [ -z "$LINUX_TREE" ] || return 0
    apt_update_once
    mkdir -p "$CACHE"
    local dir
    dir=$(mktemp -d "$CACHE/fetch-XXXXXX")
    trap 'rm -rf "$dir"' EXIT
    STEP_ADVICE="The kernel comes from the same archive as this machine's packages; check the network and the machine's apt sources." \
        step "Fetching a Linux kernel (Debian's package)" unpack_linux "$dir"
    LINUX_TREE=$CACHE/linux-$RELEASE-$(cat "$dir/version")
    mv "$dir/tree" "$LINUX_TREE"
    rm -rf "$dir"
    trap - EXIT
}
