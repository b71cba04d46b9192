# JupyterLab with the Tensorcell kernel and the tutorials. Not yet built to its end: see docs/hardware.md.
#
#   docker build -t tensorcell .                                    the processor's libraries
#   docker build -t tensorcell --build-arg RUNTIME=cuda .           NVIDIA cards: docker run --gpus all …
#   docker run --rm -p 127.0.0.1:8888:8888 tensorcell
#
# Both variants stand on plain Debian: the CUDA libraries come with TensorFlow's wheels, the driver from the host.
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs && npm pack --pack-destination /tmp

FROM ${BASE}
ARG RUNTIME=cpu
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates nodejs npm python3 python3-venv tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 tensorcell
COPY --from=build /tmp/tensorcell-*.tgz /tmp/
RUN npm install --global --ignore-scripts --no-audit --no-fund /tmp/tensorcell-*.tgz && rm -r /tmp/tensorcell-*.tgz /root/.npm
USER tensorcell
ENV HOME=/home/tensorcell \
    TENSORCELL_HOME=/home/tensorcell/data \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /home/tensorcell
# Python packages, TensorFlow, the kernelspec, and the tutorials with their data: nothing is fetched at the start.
RUN tensorcell lab --prepare --runtime ${RUNTIME} && rm -rf .cache .npm
EXPOSE 8888
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8888/api').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# JupyterLab makes a token at each start and prints the address with it; JUPYTER_TOKEN sets one.
ENTRYPOINT ["tini", "--"]
CMD ["tensorcell", "lab", "--runtime", "none", "--", "--no-browser", "--ServerApp.ip=0.0.0.0", "--ServerApp.port=8888"]
