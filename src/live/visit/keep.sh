# Takes a program of $1 bytes with the SHA-256 $2 from standard input into a private directory, and keeps it there until
# standard input ends, also when the other side is killed or the connection breaks; or until it is silent for $3 seconds:
# a server may not notice for hours that a network is gone. Sent by quorate as one word in single quotes: none may stand in
# here.
set -f
umask 077
LC_ALL=C
export LC_ALL
size=$1 sum=$2 silence=$3 dir= tried=
room=$((size / 1024 + 1024))
drop() {
    if [ -n "$dir" ]; then
        rm -rf "$dir"
        dir=
    fi
}
trap drop EXIT
trap "exit 1" HUP INT TERM PIPE

for place in "${TMPDIR:-/tmp}" /var/tmp "$HOME"; do
    if dir=$(mktemp -d "$place/quorate.XXXXXXXXXX" 2> /dev/null); then
        free=$(df -Pk "$dir" 2> /dev/null | tail -n 1 | (read -r _ _ _ free _; echo "$free"))
        if [ "$free" -lt "$room" ] 2> /dev/null; then
            why=full
        elif { printf "\043\041/bin/sh\n" > "$dir/try"; } 2> /dev/null && chmod 700 "$dir/try"; then
            if "$dir/try" 2> /dev/null; then
                rm -f "$dir/try"
                break
            fi
            why=noexec
        else
            why=full
        fi
    else
        dir=
        why=closed
    fi
    drop
    tried="$tried $place=$why"
done
if [ -z "$dir" ]; then
    echo "quorate:no-place$tried"
    exit 1
fi

if said=$(head -c "$size" 2>&1 > "$dir/quorate"); then :; else
    echo "quorate:broke-off" $said
    exit 1
fi
have=$(sha256sum "$dir/quorate" 2>&1)
if [ "${have%% *}" = "$sum" ]; then :; else
    echo "quorate:other-sum" $have
    exit 1
fi
chmod 700 "$dir/quorate"
if said=$("$dir/quorate" --version 2>&1 < /dev/null); then :; else
    echo "quorate:no-start" $said
    exit 1
fi
echo "quorate:ready $dir/quorate"
if command -v timeout > /dev/null 2>&1; then
    while beat=$(timeout "$silence" head -c 1) && [ -n "$beat" ]; do :; done
else
    cat > /dev/null
fi
drop
echo "quorate:removed"
