FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    RENGANG_NO_VENV=1 INSTANCE_PATH=/data LOG=-

WORKDIR /srv/rengang
COPY requirements.txt .
RUN pip install --disable-pip-version-check --require-hashes -r requirements.txt

COPY . .
RUN python -m compileall -q app.py core blueprints \
    && useradd --system --uid 10001 --home-dir /data rengang \
    && install -d -o rengang -g rengang -m 700 /data

USER rengang
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--host", "0.0.0.0"]
