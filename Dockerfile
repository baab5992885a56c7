# The gateway alone, with SQLite in a volume unless DATABASE_URL says otherwise. compose.yaml runs two of them.
#
# It listens on every address of its container, so it starts only once it is told who may order: until then, or with
# ALLOW_ANONYMOUS=true, in which case whoever reaches the port orders at your expense. Nor does it start without a
# provider's key, unless SANDBOX=true asks for the sandbox. To try it:
#
#   docker build -t stemgate .
#   docker run --rm -p 127.0.0.1:4000:4000 -e SANDBOX=true -e ALLOW_ANONYMOUS=true -e GRAPHIQL=true \
#     -v stemgate:/app/data stemgate

# No install scripts anywhere: SQLite's binding comes ready made for glibc and musl, on x64 and arm64.

FROM node:24-bookworm-slim AS build
WORKDIR /app
# Before the sources, so that a change in them does not install anything again.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY tools tools
COPY src src
RUN npm run build

# Apart, so that npm's cache and the development tools stay out of the image.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
WORKDIR /app
# All that is not data belongs to root: the gateway can read its own code, not change it.
RUN mkdir data && chown node:node data
COPY --from=dependencies /app/node_modules node_modules
# Says that dist holds ES modules.
COPY package.json ./
# GraphiQL's ready tabs are read from here, beside dist.
COPY schema/operations schema/operations
COPY --from=build /app/dist dist
USER node
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
