# The image of token-monitor: the program and its locked dependencies, no installer, no compiler, no root.
#
#   docker build -t token-monitor .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#       -v ./config.toml:/etc/token-monitor/config.toml:ro -v token-monitor:/var/lib/token-monitor \
#       -p 127.0.0.1:8917:8917 token-monitor
#
# With what kind = "apprise" needs: docker build --build-arg EXTRA=apprise .
# A package index of your own: docker build --secret id=pip,src=pip.conf .
# The base is named by its tag, so that it brings Debian's fixes; in production pin it by its digest in both places.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
# The environment that is shipped gets no pip; that of the build tools installs into it from outside.
RUN ["python3", "-m", "venv", "/opt/build"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/token-monitor"]
WORKDIR /src
ARG EXTRA=
COPY requirements/build.txt requirements/run.txt requirements/apprise.txt requirements/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/build/bin/pip install --no-deps --only-binary :all: --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/token-monitor/bin/python install \
        --no-deps --only-binary :all: --require-hashes -r requirements/run.txt ${EXTRA:+-r requirements/$EXTRA.txt}
COPY pyproject.toml README.md ./
COPY queries queries
COPY docs/runbooks docs/runbooks
COPY docs/cookbook/recipes docs/cookbook/recipes
COPY monitor monitor
RUN /opt/build/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /dist . \
 && /opt/build/bin/pip --python /opt/token-monitor/bin/python install --no-deps --no-index /dist/*.whl

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="token-monitor" \
      org.opencontainers.image.description="Runs SQL health queries on a schedule, exports Prometheus metrics and emits alerts"
COPY --from=build /opt/token-monitor /opt/token-monitor
# A new volume takes over owner and rights of the folder that it covers.
RUN ["install", "-d", "-o", "65532", "-g", "65532", "-m", "0700", "/var/lib/token-monitor"]
# MALLOC_ARENA_MAX: glibc gives each thread an arena of its own otherwise, and a pool of threads never gives them back.
ENV PATH=/opt/token-monitor/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    TOKEN_MONITOR_LISTEN=0.0.0.0:8917 \
    TOKEN_MONITOR_STATE_DIRECTORY=/var/lib/token-monitor
USER 65532:65532
# Where config.toml, the password files and own queries are mounted.
WORKDIR /etc/token-monitor
VOLUME ["/var/lib/token-monitor"]
EXPOSE 8917
# A start tries for up to 60 s what may pass.
HEALTHCHECK --interval=30s --timeout=5s --start-period=75s --retries=3 \
    CMD ["/opt/token-monitor/bin/token-monitor", "healthcheck"]
ENTRYPOINT ["/opt/token-monitor/bin/token-monitor"]
CMD ["run"]
