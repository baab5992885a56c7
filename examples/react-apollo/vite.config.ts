import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The page and the API have one origin, so the gateway needs no CORS_ORIGINS. In production, a reverse proxy does the same.
const proxy = { '/graphql': { target: 'http://127.0.0.1:4000', ws: true } }

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } })
