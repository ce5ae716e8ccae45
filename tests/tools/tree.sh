# shellcheck shell=bash
# make_tree DIRECTORY: one of everything that a copy must keep. facts DIRECTORY: all of it as text, but what a
# filesystem decides by itself (sizes and links of directories).

make_tree() {
	mkdir "$1"
	(
		cd "$1"
		mkdir -p plain/deep/er empty closed .hidden "with blank"
		echo small >plain/small
		: >plain/empty
		seq 1 200000 >plain/large
		printf x >"plain/$(printf '%0255d' 0)"
		printf x >"with blank/$(printf 'new\nline \xff')"
		printf x >.hidden/.file
		ln plain/small plain/deep/er/again
		ln plain/small .hidden/third
		mkdir names
		for name in a b c; do echo "$name" >"names/$name"; done
		ln -s ../plain/small names/link
		ln -s nowhere names/dangling
		ln -s "$(printf '%04000d' 7)" names/long
		ln names/link names/link2
		ln -s plain link_to_directory
		truncate -s 20M sparse
		printf start | dd of=sparse conv=notrunc status=none
		printf middle | dd of=sparse bs=1 seek=10000000 conv=notrunc status=none
		truncate -s 3M hole
		mkfifo fifo
		perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un("socket")) or die $!'
		mknod character c 1 3
		mknod block b 7 200
		chown 1234:4321 names/a empty
		chown -h 77:78 names/link
		setfattr -n user.short -v value names/a
		setfattr -n user.long -v "$(printf '%03000d' 5)" names/b
		setfattr -n trusted.mine -v kept plain
		setfattr -h -n trusted.of_link -v kept names/dangling
		cp /bin/true names/capable
		setcap cap_net_raw+ep names/capable
		setfacl -m u:1234:r,g:99:rw names/c
		setfacl -d -m u:1234:rwx plain/deep
		chmod 4755 plain/large
		chmod 6710 plain/empty
		chmod 1777 empty
		chmod 2755 names
		chmod 000 names/b
		chmod 0500 closed
		touch -h -d '1969-07-20 20:17:40.123456789 UTC' names/link fifo
		touch -d '2100-02-03 04:05:06.987654321 UTC' names/a
		touch -m -d '2001-02-03 04:05:06.7 UTC' plain/small plain/deep closed names .hidden plain
		touch -a -d '2001-02-03 04:05:06.8 UTC' plain/small character
		touch -d '2011-11-11 11:11:11.1 UTC' .
	)
}

facts() {
	(
		cd "$1"
		find . -type d -printf '%P %y %m %U:%G %T@\n' | sort
		find . ! -type d -printf '%P %y %m %U:%G %T@ %n %s %l\n' | sort
		find . \( -type c -o -type b \) -exec stat -c '%n %t:%T' {} + | sort
		find . -type f -print0 | sort -z | xargs -0 sha256sum
		# which names are names of one file
		find . ! -type d -links +1 -printf '%i %P\n' | sort -k 2 |
			awk '{ if (!($1 in first)) first[$1] = $2; print $2, "is", first[$1] }'
		find . -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex 2>/dev/null
	)
}

# same_tree A B: their facts are the same.
same_tree() {
	facts "$1" >"$tmp/facts.1"
	facts "$2" >"$tmp/facts.2"
	diff -u "$tmp/facts.1" "$tmp/facts.2" >&2 || fail "$1 and $2 differ"
	local name
	for name in sparse hole; do
		[ "$(host_bytes "$2/$name")" -lt 1000000 ] || fail "$2/$name takes $(host_bytes "$2/$name") bytes"
	done
}
