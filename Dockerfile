# Two images from one file: `web` (pages, API, scribe, migrations) and `grader` (torch, no web, no database driver).
FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --uid 10001 --create-home arena && mkdir -p /data/uploads /data/public /data/vault && \
  chown -R arena:arena /data && chmod 2775 /data/uploads /data/public && chmod 2770 /data/vault
WORKDIR /app

FROM base AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY arena arena
COPY challenges challenges
COPY graders graders
COPY templates templates
COPY migrations migrations
RUN pip install build && python -m build --wheel --outdir /wheels

FROM base AS web
COPY --from=wheel /wheels /wheels
RUN pip install "$(ls /wheels/*.whl)[web]" && rm -rf /wheels
USER arena
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["arena", "web", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS grader
# used where the container may make namespaces (docs/sandbox.md); without them it lies idle
RUN apt-get update && apt-get install --yes --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*
COPY --from=wheel /wheels /wheels
RUN pip install "$(ls /wheels/*.whl)[grader]" && rm -rf /wheels
USER arena
CMD ["arena", "grader"]
