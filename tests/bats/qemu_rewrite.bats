#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Does a real QEMU take the command lines that the rewrite makes? A helper makes a memfd of ordinary
# pages for every need, rewrites and executes QEMU (TCG, stopped, no devices); over QMP it is asked
# which memory it has, then told to quit. The time limit is only there so that nothing can hang.

setup() {
	HELPER=${GUESTRAM_QEMU_REWRITE:-$BATS_TEST_DIRNAME/../../build/tests/qemu_rewrite}
	QEMU=${GUESTRAM_QEMU:-qemu-system-x86_64}
	if ! command -v "$QEMU" >/dev/null; then
		[ -z "${GUESTRAM_MUST_RUN:-}" ] || { echo "no $QEMU"; return 1; }
		skip "no $QEMU on this machine"
	fi
}

# memdevs ARGS: prints "ID SIZE SHARE PREALLOC" of every memory object, and "base BYTES"
memdevs() {
	printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"query-memdev"}' \
		'{"execute":"query-memory-size-summary"}' '{"execute":"quit"}' |
	timeout -k 1 30 "$HELPER" "${OPTION[@]}" "$QEMU" "$@" -S -display none -nodefaults \
		-qmp stdio >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || {
		cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
		return 1
	}
	python3 -c '
import json, sys
for line in sys.stdin:
    answer = json.loads(line).get("return")
    if isinstance(answer, list):
        for m in sorted(answer, key=lambda m: m["id"]):
            print(m["id"], m["size"], m["share"], m["prealloc"])
    elif answer and "base-memory" in answer:
        print("base", answer["base-memory"])' <"$BATS_TEST_TMPDIR/out"
}

expect() {
	echo "$output"
	[ "$status" -eq 0 ] && [ "$output" = "$1" ]
}

MIB=1048576
WHOLE="guestram0 $((256 * MIB)) True False
base $((256 * MIB))"

@test "plain -m" {
	run memdevs -m 256M
	expect "$WHOLE"
}

@test "-M and -m" {
	run memdevs -m 256 -M pc
	expect "$WHOLE"
}

@test "-machine with an accelerator and a comma at its end" {
	run memdevs -machine q35,accel=tcg, -m size=262144k
	expect "$WHOLE"
}

@test "no -m: QEMU's default" {
	run memdevs -M q35
	expect "guestram0 $((128 * MIB)) True False
base $((128 * MIB))"
}

@test "-machine memory.size" {
	run memdevs -M q35,memory.size=256M
	expect "$WHOLE"
}

@test "sizes that QEMU rounds and reads in hexadecimal" {
	run memdevs -M q35 -m 262137k
	expect "guestram0 $((256 * MIB)) True False
base $((256 * MIB))"
	run memdevs -M q35 -m 0x100
	expect "$WHOLE"
}

@test "machines none, isapc and microvm" {
	for machine in none isapc microvm; do
		run memdevs -M $machine -m 256
		expect "$WHOLE"
	done
}

@test "-mem-path and -mem-prealloc go" {
	run memdevs -M q35 -m 256 -mem-path /nonexistent -mem-prealloc
	expect "$WHOLE"
}

@test "two cells with memdev" {
	run memdevs -M q35 -smp 2 -m 256 \
		-object memory-backend-memfd,id=a,size=128M,hugetlb=on,hugetlbsize=2M,prealloc=on \
		-object memory-backend-ram,id=b,size=128M,host-nodes=0,policy=bind,merge=off \
		-numa node,cpus=0,memdev=a -numa node,cpus=1,memdev=b
	expect "a $((128 * MIB)) True False
b $((128 * MIB)) True False
base $((256 * MIB))"
}

@test "a JSON object as libvirt writes it" {
	run memdevs -machine pc-q35-7.2,usb=off,memory-backend=pc.ram -m size=262144k -object \
		'{"qom-type":"memory-backend-memfd","id":"pc.ram","hugetlb":true,"hugetlbsize":2097152,"share":true,"prealloc":true,"prealloc-threads":8,"x-use-canonical-path-for-ramblock-id":false,"size":268435456,"host-nodes":[0],"policy":"bind"}'
	expect "pc.ram $((256 * MIB)) True False
base $((256 * MIB))"
}

@test "legacy -numa node,mem=" {
	run memdevs -M pc-q35-4.2 -smp 2 -m 256 -numa node,mem=128M,cpus=0 -numa node,mem=128,cpus=1
	expect "guestram0 $((128 * MIB)) True False
guestram1 $((128 * MIB)) True False
base $((256 * MIB))"
}

@test "-numa node that names no memory" {
	run memdevs -M q35 -m 256 -numa node
	expect "$WHOLE"
}

@test "a memory device and an object that is not RAM" {
	run memdevs -M q35 -m 256,slots=2,maxmem=1G \
		-object memory-backend-ram,id=d,size=128M -device pc-dimm,memdev=d \
		-object memory-backend-ram,id=sh,size=1M,share=on -device ivshmem-plain,memdev=sh
	expect "d $((128 * MIB)) True False
guestram0 $((256 * MIB)) True False
sh $MIB True False
base $((256 * MIB))"
}

@test "an object that nobody uses" {
	run memdevs -M q35 -m 256 -object memory-backend-ram,id=lost,size=1M,prealloc=on
	expect "guestram0 $((256 * MIB)) True False
lost $MIB True False
base $((256 * MIB))"
}

@test "-mem-prealloc stays for an object that stays, and not for ours" {
	run memdevs -M q35 -m 64,slots=1,maxmem=1G -mem-prealloc \
		-object memory-backend-ram,id=v,size=16M -device virtio-mem-pci,memdev=v
	expect "guestram0 $((64 * MIB)) True False
v $((16 * MIB)) False True
base $((64 * MIB))"
}

@test "memory that QEMU allocates itself" {
	OPTION=(--anonymous)
	run memdevs -M q35 -m 64
	expect "guestram0 $((64 * MIB)) False True
base $((64 * MIB))"
	run memdevs -M q35,memory-backend=a -m 64 \
		-object memory-backend-file,id=a,size=64M,mem-path=/nonexistent,discard-data=on
	expect "a $((64 * MIB)) False True
base $((64 * MIB))"
}

@test "what is printed for a shell is what was meant" {
	run "$HELPER" --print "$QEMU" -m 1 -append $'a b\n\'$(x)' -name 'it,,s {"x"}'
	[ "$status" -eq 0 ]
	eval "set -- $output"
	[ "${9}" = $'a b\n\'$(x)' ]
	[ "${11}" = 'it,,s {"x"}' ]
}
