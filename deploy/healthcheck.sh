#!/bin/bash
# Asks the worker of this container whether it is alive; the image has bash and no client for HTTP.
set -euo pipefail

address=${COPYDESK__ADMIN__BIND:-127.0.0.1:9464}
exec {http}<>"/dev/tcp/127.0.0.1/${address##*:}"
printf 'GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&"$http"
read -r -u "$http" _ status _
[[ $status == 200 ]]
