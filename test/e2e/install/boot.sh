# Makes a machine of a mount, process and host name namespace, and becomes its first process.
# $1: folder of the machine; $2: its name; $3: the checkout
set -e
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layers/upper,workdir=$1/layers/work" "$1/layers/root"
cd "$1/layers/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p var/lib/docker opt/checkout .old
mount --bind "$1/docker" var/lib/docker
mount --bind "$3" opt/checkout
pivot_root . .old
umount -l .old
rmdir .old
mount --make-rshared /
hostname "$2"
echo booted
# Ends by a signal; reaps whatever loses its parent.
while :; do sleep 3600 & wait $!; done
