# Completion for mmfs, mkfs.mmfs, fsck.mmfs, mmfsctl and umount.mmfs: what the installed program's --help names.

function __mmfs_help
    set -l program (commandline -opc)[1]
    LC_ALL=C $program --help 2>/dev/null </dev/null | sed -nE $argv[1]
end

function __mmfs_options
    __mmfs_help 's/^ +(-[A-Za-z], )?(--[a-z0-9-]+)=?[A-Z]* +(.*)/\2\t\3/p'
end

function __mmfs_mount_options
    # those before the last comma stay
    set -l first (commandline -ct | string match -r '.*,')
    for option in (__mmfs_help 's/^  -o ([a-z_]+=?)[^ ]* +(.*)/\1\t\2/p')
        echo "$first$option"
    end
end

function __mmfs_given
    string match -v -- '-*' (commandline -opc)[2..-1]
end

for program in mmfs mkfs.mmfs fsck.mmfs mmfsctl
    complete -c $program -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__mmfs_options)'
end
complete -c mmfs -n 'test (commandline -opc)[-1] = -o' -f -a '(__mmfs_mount_options)'
complete -c mmfsctl -n 'test (count (__mmfs_given)) = 0' -f -a "(__mmfs_help 's/^  ([a-z]+) [A-Z][^ ]*( [A-Z[][^ ]*)* +(.*)/\1\t\3/p')"
complete -c mmfsctl -n 'test (count (__mmfs_given)) -ge 2; and test (__mmfs_given)[1] = dump' -f -a "(__mmfs_help 's/^ {7}([a-z]+)( [A-Z]+)? +(.*)/\1\t\3/p')"
complete -c umount.mmfs -f -s t -x -d 'seconds to wait'
complete -c umount.mmfs -f -s h -d 'how it is used'
complete -c umount.mmfs -f -a "(awk '\$3 == \"fuse.mmfs\" { print \$2 }' /proc/self/mounts)"
