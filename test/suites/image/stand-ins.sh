#!/usr/bin/env bash
# Writes two root file systems that stand for the images of the Dockerfile, which cannot be pulled here: one of Debian, and what
# Node's image adds to it. Their files are those of this machine: of its essential packages, of its npm, and of Node 24.
#
#   stand-ins.sh <folder>        then: <folder>/debian.tar and <folder>/node/
set -euo pipefail
folder=$1

mapfile -t essential < <(dpkg-query --show --showformat '${Essential} ${Package}\n' | sed -n 's/^yes //p')
mapfile -t packages < <(
  apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "${essential[@]}" passwd libstdc++6 | grep '^[a-z]' | sort --unique
)
# dpkg fails for the names that are virtual packages, after it has listed the others. /bin and its like are links into /usr, but
# some files are still listed by their old names.
{ dpkg --listfiles "${packages[@]}" 2>/dev/null || true; } |
  sed --regexp-extended --quiet 's#^/(bin|sbin|lib|lib64)(/|$)#/usr/\1\2#; \#^/usr/share/(doc|man|locale|info)/#d; s#^/([^.])#\1#p' |
  sort --unique >"$folder/files"
printf '%s\n' bin sbin lib lib64 etc/ld.so.cache etc/ssl/certs/ca-certificates.crt >>"$folder/files"
mkdir -p "$folder/etc"
# A package makes these when it is installed.
cp /usr/share/base-passwd/passwd.master "$folder/etc/passwd"
cp /usr/share/base-passwd/group.master "$folder/etc/group"
# tar says so, and goes on, where a file of a package was deleted on this machine.
tar --create --file "$folder/debian.tar" --directory / --no-recursion --ignore-failed-read --files-from "$folder/files" \
  --directory "$folder" etc/passwd etc/group 2>/dev/null || [ -s "$folder/debian.tar" ]

mkdir -p "$folder/node/usr/local/bin" "$folder/node/usr/local/lib/node_modules"
cp "$(npx -y node@24 -p process.execPath)" "$folder/node/usr/local/bin/node"
cp -r "$(npm root --global)/npm" "$folder/node/usr/local/lib/node_modules/npm"
for name in npm npx; do
  ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$folder/node/usr/local/bin/$name"
done
