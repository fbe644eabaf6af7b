# What this host is, and how one becomes root on it. Changes nothing. Sent by quorate as one word in single quotes: none may
# stand in here.
uid=$(id -u)
echo "quorate:system $(uname -s) $(uname -m)"
if [ "$uid" = 0 ]; then
    echo "quorate:root direct"
elif command -v sudo > /dev/null 2>&1; then
    if sudo -n true > /dev/null 2>&1; then
        echo "quorate:root sudo"
    else
        echo "quorate:root password"
    fi
else
    echo "quorate:root none"
fi
