import { App } from './app.ts'
import { pageClock } from './page-clock.ts'

new App(pageClock, document.body).start()
