# JupyterLab with the Tensorcell kernel, the tutorials and their data: nothing is fetched when it starts.
#
#   docker build -t tensorcell .                                  the processor's libraries
#   docker build -t tensorcell --build-arg RUNTIME=cuda .         NVIDIA cards: docker run --gpus all …
#   docker run --rm -p 127.0.0.1:8888:8888 tensorcell             prints the address with its token
#
# Both variants stand on plain Debian: the CUDA libraries come with TensorFlow's wheels, the driver from the host.
# Behind a proxy that signs with a certificate of its own: --secret id=ca,src=BUNDLE.crt (it does not stay in the image).
ARG BASE=docker.io/library/debian:trixie-20261005-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f

# hadolint ignore=DL3006
FROM ${BASE} AS build
# Debian's packages are not pinned: of a stable release only repairs come in, and those are wanted.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=ca,mode=0444 \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci --loglevel=error
COPY . .
RUN npm run build && npm pack --pack-destination /tmp
# The packed files with the locked versions of what they need, and an npm for %install and the tutorials' data: Debian's
# own needs four hundred packages.
WORKDIR /opt/tensorcell
RUN --mount=type=secret,id=ca,mode=0444 \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    tar -xzf /tmp/tensorcell-*.tgz --strip-components=1 \
 && cp /build/package-lock.json /build/.npmrc . \
 && npm ci --omit=dev --loglevel=error \
 && npm install --global --prefix /opt/npm --loglevel=error npm@11.19.1

# hadolint ignore=DL3006
FROM ${BASE}
ARG RUNTIME=cpu
LABEL org.opencontainers.image.title="Tensorcell" \
      org.opencontainers.image.description="JupyterLab with a TypeScript kernel that trains on the GPU" \
      org.opencontainers.image.licenses="Apache-2.0"
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs python3 python3-venv tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 --shell /bin/bash tensorcell
COPY --from=build /opt/tensorcell /opt/tensorcell
COPY --from=build /opt/npm /usr/local
RUN ln -s /opt/tensorcell/dist/cli.js /usr/local/bin/tensorcell
USER 1000
ENV HOME=/home/tensorcell \
    TENSORCELL_HOME=/home/tensorcell/.local/share/tensorcell \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /home/tensorcell
# Python packages by their hashes, TensorFlow, the kernelspec, the tutorials with their data.
RUN --mount=type=secret,id=ca,mode=0444 \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi; \
    export PIP_NO_CACHE_DIR=1; \
    tensorcell lab --prepare --runtime "${RUNTIME}" && rm -rf .cache .npm
EXPOSE 8888
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8888/api').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# JupyterLab makes a token at each start and prints the address with it; JUPYTER_TOKEN sets one.
ENTRYPOINT ["tini", "--"]
CMD ["tensorcell", "lab", "--runtime", "none", "--", "--no-browser", "--ServerApp.ip=0.0.0.0", "--ServerApp.port=8888"]
