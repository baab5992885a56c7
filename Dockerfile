# The gateway alone, with SQLite in a volume unless DATABASE_URL says otherwise. compose.yaml runs two of them.
#
# It listens on every address of its container, so it starts only once it is told who may order: until then, or with
# ALLOW_ANONYMOUS=true, in which case whoever reaches the port orders at your expense. Nor does it start without a
# provider's key, unless SANDBOX=true asks for the sandbox. To try it:
#
#   docker build -t stemgate .
#   docker run --rm -p 127.0.0.1:4000:4000 -e SANDBOX=true -e ALLOW_ANONYMOUS=true -e GRAPHIQL=true \
#     -v stemgate:/app/data stemgate
#
# For a release, pin both images by digest and say what the image is made from:
#
#   docker build -t stemgate:0.1.0 --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:… \
#     --build-arg BASE_IMAGE=debian:bookworm-slim@sha256:… --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg CREATED=$(date --utc +%Y-%m-%dT%H:%M:%SZ) .

ARG NODE_IMAGE=node:24-bookworm-slim
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Before the sources, so that a change in them does not install anything again. No install scripts anywhere: SQLite's binding
# comes ready made for glibc and musl, on x64 and arm64. For a registry of your own: --secret id=npmrc,src=$HOME/.npmrc
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=npmrc,target=/root/.npmrc \
  npm ci --ignore-scripts --no-audit --no-fund
COPY LICENSE tsconfig.json ./
COPY tools tools
COPY schema schema
COPY src src
# Built by the Node that runs it: its code cache is for that version alone.
RUN npm run build && npm run export -- /gateway
# Node's own licence, and those of what it contains.
RUN if [ -f /usr/local/LICENSE ]; then cp /usr/local/LICENSE /gateway/LICENSE.node; fi

# Not node's own image: npm, corepack, yarn and the headers are a third of what that adds to Debian, and nothing here runs them.
FROM ${BASE_IMAGE}
ARG BASE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.title="Stemgate" \
  org.opencontainers.image.description="One GraphQL API in front of the paid REST services that separate a song into stems." \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.base.name="${BASE_IMAGE}"
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
# All that is not data belongs to root: the gateway can read its own code, not change it.
RUN groupadd --gid 1000 node \
  && useradd --uid 1000 --gid node --home-dir /app --no-create-home --shell /usr/sbin/nologin node \
  && mkdir -p /app/data && chown node:node /app/data
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /gateway /app
WORKDIR /app
# By number: Kubernetes cannot tell from a name that it is not root.
USER 1000:1000
# SQLite's files: what was paid for. A folder of your own in its place must be writable for user 1000.
VOLUME /app/data
EXPOSE 4000
# live, not ready: some orchestrators kill what is unhealthy, and while the database is away that would kill every gateway
# with the orders it has under way. The shell's own words, because a process of node's every 5 seconds takes some 5 % of a core.
# The gateway opens its store before it listens, so live also says that the start is over.
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${PORT:-4000} && printf 'GET /health/live HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r status <&3 && [[ $status == *' 200 '* ]]"]
# node itself, not npm: SIGTERM must reach the gateway, which then finishes the orders under way.
CMD ["node", "dist/main.js"]
