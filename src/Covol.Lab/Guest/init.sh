#!/bin/sh
# The guest's first program: drivers, then the workload takes its place as process 1.
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
while read -r module; do
    /bin/busybox insmod "/modules/$module.ko" || echo "FATAL the driver $module does not load"
done < /modules/order
# The disk appears a moment after its driver.
tries=0
until [ -b /dev/vda ] || [ "$tries" -ge 100 ]; do
    tries=$((tries + 1))
    /bin/busybox usleep 50000
done
exec /bin/covol-guest
