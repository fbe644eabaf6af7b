# To be sourced: how cargo builds the executable that is shipped. Fully static, for the C library of this toolchain, with no
# path of this machine in it and dated by the last commit, so that the same commit gives the same bytes.
CARGO_BUILD_TARGET=$(rustc -vV | sed -n 's/^host: //p')
case $CARGO_BUILD_TARGET in
  *-linux-gnu) ;;
  *) echo "packaging: a static executable is made with a *-linux-gnu toolchain; this one is $CARGO_BUILD_TARGET" >&2; exit 69 ;;
esac
RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=/quorate --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
# Without git, as in an unpacked archive, the date is that of the list of changes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export CARGO_BUILD_TARGET RUSTFLAGS SOURCE_DATE_EPOCH
