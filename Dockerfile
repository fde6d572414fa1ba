# Assets first: Node.js does not come into the image that runs.
FROM node:24.11-bookworm-slim AS assets
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY static static
COPY flowapp flowapp
RUN node static/build.mjs

FROM python:3.11.14-slim-bookworm AS packages
WORKDIR /app
COPY requirements/app.txt requirements/app.txt
RUN python -m venv /app/.venv \
 && /app/.venv/bin/pip install --no-cache-dir --no-deps --only-binary=:all: --require-hashes -r requirements/app.txt
COPY flowapp flowapp
RUN /app/.venv/bin/pybabel --quiet compile -d flowapp/translations

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/flowapp flowapp
WORKDIR /app
COPY --from=packages /app /app
COPY --from=assets /src/static/dist static/dist
COPY migrations migrations
COPY templates templates
COPY static static
COPY wsgi.py gunicorn.conf.py Procfile ./
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLOWAPP_DATA_DIR=/var/lib/flowapp
USER 10001
VOLUME /var/lib/flowapp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "-b", "0.0.0.0:8000", "wsgi:app"]
