# SPDX-License-Identifier: MIT
# QEMU with our devices: Debian's source package plus the overlay in hw/qemu. Needs say.sh and packages.sh.
#
# The cache (outside the tree) holds, each made complete under another name first and then moved into place:
#   source-VERSION/   QEMU's source as Debian has it, patches applied
#   tree-KEY/         a copy of it with our overlay, configured, and with its objects; KEY covers version, options
#                     and build hooks
# The overlay and the device models (one static library of this tree's build) are laid into tree-KEY whenever they
# change, and ninja there redoes what depends on them: a change of a model costs a link, one of the glue three files.
# Several checkouts may share the cache; a lock keeps them apart, and each takes its own copy of the program.

CACHE=${REMAPLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/remaplab}
QEMU_SERIES=10.0
QEMU_SUITE=trixie
QEMU_CONFIGURE="--target-list=x86_64-softmmu --without-default-features --enable-tcg --enable-kvm --enable-plugins
    --enable-pixman --enable-png --disable-fdt --disable-docs --disable-install-blobs --disable-download"
# The build hooks: a file of QEMU's tree | the line that ours goes before (none: it goes to the end) | our line
QEMU_HOOKS="hw/meson.build||subdir('remaplab')
hw/Kconfig||source remaplab/Kconfig
meson.build|subdir('trace')|trace_events_subdirs += ['hw/remaplab']"
# What a tree was configured from. Checkouts that differ in it use different trees.
QEMU_RECIPE=$(printf '%s\n' "$QEMU_CONFIGURE" "$QEMU_HOOKS" | sha256sum | cut -c1-8)

# unpack_qemu_source DIR: Debian's newest QEMU of the series, unpacked in DIR/qemu.
unpack_qemu_source() {
    local dir=$1 options version
    borrow "$dir" "deb-src $QEMU_SUITE" || return
    mapfile -t options < <(borrowed_apt "$dir")
    version=$(apt-cache "${options[@]}" showsrc --only-source qemu | awk '/^Version:/ { print $2 }' |
        grep "^1:$QEMU_SERIES\." | sort -V | tail -n 1)
    [ -n "$version" ] || { echo "the archive's $QEMU_SUITE suite has no QEMU $QEMU_SERIES.x source" >&2; return 1; }
    echo "    QEMU $version" >&3
    (cd "$dir" && apt-get -q "${options[@]}" source --only-source "qemu=$version" && mv qemu-*/ qemu)
}

cached_source() {
    find "$CACHE" -maxdepth 1 -name 'source-*' 2>/dev/null | sort -V | tail -n 1
}

# Sets QEMU_TREE to a clean source tree: the user's, the cached one, or one fetched now.
find_qemu_source() {
    if [ -n "${QEMU_SOURCE:-}" ]; then
        [ -f "$QEMU_SOURCE/VERSION" ] && [ -f "$QEMU_SOURCE/hw/meson.build" ] ||
            fail "QEMU_SOURCE=$QEMU_SOURCE is not a QEMU source tree" "Name a directory that has VERSION and hw/meson.build."
        QEMU_TREE=$(cd "$QEMU_SOURCE" && pwd)
        QEMU_KEY=user-$(printf %s "$QEMU_TREE" | sha256sum | cut -c1-8)
        return
    fi
    QEMU_TREE=$(cached_source)
    if [ -z "$QEMU_TREE" ]; then
        apt_update_once
        mkdir -p "$CACHE"
        local dir
        dir=$(mktemp -d "$CACHE/fetch-XXXXXX")
        trap 'rm -rf "$dir"' EXIT
        STEP_ADVICE="QEMU's source comes from the same archive as this machine's packages; check the network and the archive. QEMU_SOURCE=DIR uses a tree you have." \
            step "Fetching QEMU's source (Debian's package)" unpack_qemu_source "$dir"
        QEMU_TREE=$CACHE/source-$(cat "$dir/qemu/VERSION")
        mv "$dir/qemu" "$QEMU_TREE"
        rm -rf "$dir"
        trap - EXIT
    fi
    QEMU_KEY=$(cat "$QEMU_TREE/VERSION")
}

# put FILE DIR: copies the file if it differs from the one there, so that ninja sees only what changed.
put() {
    cmp -s "$1" "$2/$(basename "$1")" || cp "$1" "$2/"
}

# add_hooks TREE: those that are not there yet.
add_hooks() {
    local file before line
    while IFS='|' read -r file before line; do
        grep -qxF -- "$line" "$1/$file" && continue
        if [ -n "$before" ]; then sed -i "s|^$before\$|$line\n&|" "$1/$file"; else echo "$line" >>"$1/$file"; fi
        grep -qxF -- "$line" "$1/$file" && continue
        echo "$1/$file has no line $before to put our hook before" >&2
        return 1
    done <<<"$QEMU_HOOKS"
}

# lay_overlay TREE MODELS: our files, the models, and the build hooks that make QEMU read them.
lay_overlay() {
    local file
    mkdir -p "$1/hw/remaplab" "$1/models"
    for file in "$1"/hw/remaplab/*; do
        [ -e "$ROOT/hw/qemu/${file##*/}" ] || [ -e "$ROOT/hw/capi/${file##*/}" ] || rm -f "$file"
    done
    for file in "$ROOT"/hw/qemu/* "$ROOT"/hw/capi/remap_*.h; do put "$file" "$1/hw/remaplab"; done
    cmp -s "$2" "$1/models/libremap-models.a" || cp "$2" "$1/models/libremap-models.a"
    add_hooks "$1"
}

copy_and_configure() {
    rm -rf "$1.new" && mkdir "$1.new" && tar -C "$QEMU_TREE" --exclude=./build --exclude=./.git -cf - . | tar -C "$1.new" -xf - &&
        mkdir "$1.new/build" && lay_overlay "$1.new" "$2" && rm -rf "$1" && mv "$1.new" "$1" &&
        # shellcheck disable=SC2086
        (cd "$1/build" && ../configure --python=/usr/bin/python3 $QEMU_CONFIGURE) && touch "$1/configured"
}

# A user's tree is taken over again each time, for it may have changed. Files with our hooks are newer, until they do.
refresh_user_tree() {
    tar -C "$QEMU_TREE" --exclude=./build --exclude=./.git -cf - . |
        tar -C "$1" --keep-newer-files --warning=none -xf -
}

compile_qemu() {
    set -o pipefail
    stdbuf -oL ninja -C "$1/build" qemu-system-x86_64 | ninja_progress
}

# with_qemu_lock COMMAND...: one checkout at a time works in the cache.
with_qemu_lock() {
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock 9
    "$@"
    exec 9>&-
}

# prepare_qemu MODELS: makes sure that there is a configured and compiled tree; sets QEMU_BUILD to it.
prepare_qemu() {
    find_qemu_source
    QEMU_BUILD=$CACHE/tree-$QEMU_KEY-$QEMU_RECIPE
    if [ ! -f "$QEMU_BUILD/configured" ]; then
        step "Configuring QEMU $(cat "$QEMU_TREE/VERSION") with our devices" copy_and_configure "$QEMU_BUILD" "$1"
    elif [ -n "${QEMU_SOURCE:-}" ]; then
        step "Taking over what changed in $QEMU_TREE" refresh_user_tree "$QEMU_BUILD"
    fi
    lay_overlay "$QEMU_BUILD" "$1"
    [ -x "$QEMU_BUILD/build/qemu-system-x86_64" ] && return
    STEP_ADVICE="If the overlay in hw/qemu was not changed, remove $QEMU_BUILD and run the script again." \
        step "Compiling QEMU (two to six minutes on two cores, the first time only)" compile_qemu "$QEMU_BUILD"
}
